"""Rules, the alerts that they raise, and who is told of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from alerts.sealing import sealed, unsealed
from alerts.states import OPEN, AlertState
from events.ids import uuid7


class Level(models.TextChoices):
    """How bad it is."""

    WARNING = "warning", "Warning"
    ERROR = "error", "Error"


class Channel(models.Model):
    """A way to tell people. `kind` names one of `alerts.channels`; `secret` is what that asks for, encrypted: read and
    written by `config`. `problem`: why the last message could not be delivered, empty when it could."""

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=16)
    secret = models.BinaryField(default=bytes)
    enabled = models.BooleanField(default=True)
    problem = models.CharField(max_length=500, blank=True)
    last_sent_at = models.DateTimeField(null=True, blank=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("alerts:channel", args=[self.pk])

    @property
    def config(self) -> dict[str, str]:
        """What its kind asks for, by name. Raises AlertError when Hub's key is another one than it was written with."""
        return unsealed(self.secret)

    @config.setter
    def config(self, values: dict[str, str]) -> None:
        self.secret = sealed(values)


class Rule(models.Model):
    """When to alert: `measure` is `above` or `below` `bound` for `hold` seconds. The alert is resolved when it has been
    on the other side of `resolve_bound` (None: of `bound`) for `calm` seconds.

    - `builtin`: its key in `alerts.defaults`, empty for people's own. `lane`, `job`: only tasks of these count.
    - `window`: the seconds of history that its measure looks at; `minimum`: fewer samples say nothing.
    - `channels`: who is told; none means all.
    """

    class Compare(models.TextChoices):
        ABOVE = "above", "above"
        BELOW = "below", "below"

    name = models.CharField(max_length=100, unique=True)
    builtin = models.CharField(max_length=32, blank=True, default="")
    measure = models.CharField(max_length=64)
    lane = models.CharField(max_length=32, blank=True, default="")
    job = models.CharField(max_length=100, blank=True, default="")
    window = models.PositiveIntegerField(default=600)
    minimum = models.PositiveIntegerField(default=0)
    compare = models.CharField(max_length=8, choices=Compare.choices, default=Compare.ABOVE)
    bound = models.FloatField()
    resolve_bound = models.FloatField(null=True, blank=True)
    hold = models.PositiveIntegerField(default=0)
    calm = models.PositiveIntegerField(default=30)
    level = models.CharField(max_length=8, choices=Level.choices, default=Level.WARNING)
    enabled = models.BooleanField(default=True)
    muted_until = models.DateTimeField(null=True, blank=True)
    muted_by = models.CharField(max_length=200, blank=True, default="")
    channels = models.ManyToManyField(Channel, blank=True, related_name="rules")
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("name",)
        permissions = (("operate_rule", "Can change rules of alerts, acknowledge and mute"),)
        constraints = (
            models.UniqueConstraint(fields=("builtin",), condition=~Q(builtin=""), name="one_rule_of_a_builtin"),
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("alerts:rule", args=[self.pk])

    def is_broken_by(self, value: float) -> bool:
        return value > self.bound if self.compare == self.Compare.ABOVE else value < self.bound

    def is_cleared_by(self, value: float) -> bool:
        """Whether the value is so good that a firing alert may end."""
        bound = self.bound if self.resolve_bound is None else self.resolve_bound
        return value <= bound if self.compare == self.Compare.ABOVE else value >= bound

    def is_muted(self, now: datetime | None = None) -> bool:
        return self.muted_until is not None and self.muted_until > (now or timezone.now())


class Alert(models.Model):
    """One time that a rule was broken, from then until it was mended: the open ones are now, the others history.

    `target`: of what, for measures that look at many things (`shop/web`), else empty. `name` and `level` are those of
    its rule, which may be gone. `worst`: the value that was farthest beyond the bound. `told`: its channels know of it.
    `clear_since`: since when a firing one is well again.
    """

    rule = models.ForeignKey(Rule, models.SET_NULL, null=True, related_name="alerts")
    name = models.CharField(max_length=100)
    level = models.CharField(max_length=8, choices=Level.choices)
    target = models.CharField(max_length=250, blank=True, default="")
    state = models.CharField(max_length=8, choices=AlertState.choices, default=AlertState.PENDING)
    value = models.FloatField(null=True)
    worst = models.FloatField(null=True)
    sentence = models.CharField(max_length=400, blank=True)
    told = models.BooleanField(default=False)
    pending_at = models.DateTimeField()
    fired_at = models.DateTimeField(null=True)
    clear_since = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    why = models.CharField(max_length=200, blank=True, default="")
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(fields=("rule", "target"), condition=Q(state__in=sorted(OPEN)),
                                    name="one_open_alert_of_a_rule"),
        )
        indexes = (
            models.Index(fields=("state",), condition=Q(state__in=sorted(OPEN)), name="alert_open"),
            models.Index(fields=("rule", "-id"), name="alert_of_rule"),
        )

    def __str__(self) -> str:
        return f"{self.name}: {self.target}" if self.target else self.name

    def get_absolute_url(self) -> str:
        return reverse("alerts:detail", args=[self.pk])

    @property
    def is_firing(self) -> bool:
        return self.state == AlertState.FIRING

    @property
    def lasted(self) -> timedelta | None:
        """From when it fired until it was resolved, or until now; None for one that did not fire."""
        return None if self.fired_at is None else (self.resolved_at or timezone.now()) - self.fired_at


class Notification(models.Model):
    """One message about one move of an alert to one channel: written with the move, delivered afterwards, tried again
    until it is. Its id goes along with it, so that a receiver can tell a message that came twice."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        GIVEN_UP = "given-up", "Given up"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    alert = models.ForeignKey(Alert, models.CASCADE, related_name="notifications")
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="notifications")
    transition = models.CharField(max_length=8)
    message = models.JSONField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    tries = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    next_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("alert", "channel", "transition"), name="one_notification_of_a_move"),
        )
        indexes = (models.Index(fields=("next_at",), condition=Q(state="waiting"), name="notification_due"),)

    def __str__(self) -> str:
        return f"{self.transition} to {self.channel_id}"


class Look(models.Model):
    """The one row that the evaluator writes at each pass: that it lives, what it read of each rule
    (`{rule: {target: [value, note]}}`), and what its measures have to remember until the next."""

    at = models.DateTimeField()
    took = models.FloatField(default=0)
    node = models.CharField(max_length=64, blank=True, default="")
    readings = models.JSONField(default=dict)
    memory = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.at}"

    def of(self, rule: Rule) -> dict[str, Any]:
        """What was read of a rule."""
        return self.readings.get(str(rule.pk), {})
