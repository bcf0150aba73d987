"""Who is told what happens, and what became of each time they were told."""

from __future__ import annotations

import hashlib

from django.db import models
from django.urls import reverse

from events.outgoing.targets import read


class State(models.TextChoices):
    """`on`: events are sent. `paused`: somebody wants none for now. `disabled`: Hub gave up; `reason` says why."""

    ON = "on", "On"
    PAUSED = "paused", "Paused"
    DISABLED = "disabled", "Disabled"


class Subscription(models.Model):
    """An address that is sent the events of a pattern, in the order of the stream.

    `position`: all that comes before, and it, is done with. `version` grows with each change by somebody, so that a
    worker with older settings moves nothing. `failing_since` and `failures` are of the event that comes next.
    """

    name = models.CharField(max_length=100, unique=True)
    subject = models.CharField(max_length=255)
    url = models.CharField(max_length=2000)
    secret = models.BinaryField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.ON)
    reason = models.CharField(max_length=500, blank=True)
    position = models.BigIntegerField(default=0)
    version = models.IntegerField(default=1)
    failing_since = models.DateTimeField(null=True, blank=True)
    failures = models.IntegerField(default=0)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("webhooks:detail", args=[self.pk])

    @property
    def shown(self) -> str:
        """Where it goes, without what may be secret in the address."""
        return f"{read(self.url).shown}/…"

    def audited(self) -> dict[str, str]:
        """What the audit log tells of it. An address can be a secret: it says whether it is another one, not which."""
        address = f"{self.shown} ({hashlib.sha256(self.url.encode()).hexdigest()[:8]})"
        return {"name": self.name, "subject": self.subject, "url": address, "state": str(self.state)}

    @property
    def task_subject(self) -> str:
        """What its task is about. What is told of such tasks is not sent: see `webhooks.following`."""
        return f"{ABOUT}subscription:{self.pk}"


# How every task of this app is about something.
ABOUT = "webhooks."


class Delivery(models.Model):
    """One try to send one event: answered with `status`, or not, for the reason in `problem`."""

    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="deliveries")
    # Not a relation: the event may be removed by its age before this is.
    event = models.UUIDField()
    subject = models.CharField(max_length=255)
    position = models.BigIntegerField(null=True)
    at = models.DateTimeField()
    succeeded = models.BooleanField()
    is_replay = models.BooleanField(default=False)
    status = models.IntegerField(null=True)
    elapsed = models.FloatField(default=0)
    problem = models.CharField(max_length=500, blank=True)
    answer = models.TextField(blank=True)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "deliveries"
        indexes = (models.Index(fields=("subscription", "-id"), name="deliveries_of_a_webhook"),)

    def __str__(self) -> str:
        return f"{self.subject}: {self.status or self.problem}"
