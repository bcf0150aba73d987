"""Facts that happened. Rows are only ever added."""

import uuid

from django.db import models

from events.ids import uuid7
from events.sight import seen_by_actor

# Origins of what people and keys do: the audit log.
BY_PEOPLE = ("page", "api", "admin", "command")


class AppendOnlyError(TypeError):
    """Somebody tried to change or remove a fact."""


class EventQuerySet(models.QuerySet):
    """Events can be read, and neither changed nor removed. The database itself refuses updates too, but for the
    position that `events.relay` gives once; it allows deletions, which are left to pruning by age."""

    def update(self, **kwargs):
        raise AppendOnlyError("An event is a fact: it cannot be changed.")

    def bulk_update(self, *args, **kwargs):
        raise AppendOnlyError("An event is a fact: it cannot be changed.")

    def delete(self):
        raise AppendOnlyError("An event is a fact: it cannot be removed.")


class SeenEvents(models.Manager.from_queryset(EventQuerySet)):
    """The events that exist for the actor of the request at hand: see `events.sight`."""

    def get_queryset(self) -> EventQuerySet:
        return seen_by_actor(super().get_queryset(), "about")


class Event(models.Model):
    """`subject` is `hub.<hub_id>.<domain>.<action>[...]`; `id` is time-ordered, so it is also the order of writing.

    `about` names the thing it happened to (`projects.project:42`), in the words that tasks use for their subject.
    `position` is its place in the stream, from 1 without a gap, in the order in which facts were first seen by others;
    None for the moment until the relay has given it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subject = models.CharField(max_length=255)
    about = models.CharField(max_length=100, blank=True)
    origin = models.CharField(max_length=32, blank=True)
    actor = models.CharField(max_length=200)
    address = models.CharField(max_length=64, blank=True)
    correlation_id = models.UUIDField(default=uuid.uuid4)
    payload = models.JSONField(default=dict)
    timestamp = models.DateTimeField()
    position = models.BigIntegerField(null=True, editable=False)

    objects = SeenEvents()
    everything = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["subject", "-id"], name="event_subject"),
            models.Index(fields=["correlation_id", "id"], name="event_correlation"),
            models.Index(fields=["actor", "-id"], name="event_actor"),
            models.Index(fields=["about", "-id"], name="event_about"),
            models.Index(fields=["-id"], condition=models.Q(origin__in=BY_PEOPLE), name="event_by_people"),
            # What waits for its position: a few rows, however many there are.
            models.Index(fields=["id"], condition=models.Q(position=None), name="event_waiting"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["position"], condition=models.Q(position__isnull=False), name="one_event_at_a_position"
            )
        ]

    def __str__(self) -> str:
        return f"{self.subject} by {self.actor}"

    def save(self, *args, **kwargs):
        if not self._state.adding:
            raise AppendOnlyError("An event is a fact: it cannot be changed.")
        super().save(*args, **kwargs)

    def delete(self, *args, **kwargs):
        raise AppendOnlyError("An event is a fact: it cannot be removed.")


class Mark(models.Model):
    """How far the stream has come: `given`, the last position that a fact got, or that up to which `name` was sent."""

    GIVEN = "given"

    name = models.CharField(primary_key=True, max_length=32)
    position = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name}: {self.position}"


class NatsState(models.Model):
    """The one row that says whether NATS is connected, as the relay saw it last."""

    connected = models.BooleanField(default=False)
    problem = models.CharField(max_length=300, blank=True)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return "connected" if self.connected else f"away: {self.problem}"
