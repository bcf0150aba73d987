"""How long what has ended is kept."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from tasks.lanes import LANES
from tasks.states import ENDED, TaskState


class RetentionRule(models.Model):
    """Tasks of this state and lane (empty: of every one) are kept for so many days; for ever when `days` is null.

    The most exact rule counts: state and lane, then lane, then state, then neither, then the settings.
    """

    state = models.CharField(
        max_length=16, blank=True, choices=[(state, TaskState(state).label) for state in sorted(ENDED)]
    )
    lane = models.CharField(max_length=32, blank=True, choices=[(lane, lane) for lane in LANES])
    days = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(36500)],
        help_text="Empty: they are kept for ever.",
    )  # fmt: skip

    class Meta:
        ordering = ["state", "lane"]
        constraints = [
            models.UniqueConstraint(fields=["state", "lane"], name="one_retention_rule_each"),
            models.CheckConstraint(condition=Q(days=None) | Q(days__gte=1), name="retention_from_1_day"),
        ]

    def __str__(self) -> str:
        kept = "for ever" if self.days is None else f"for {self.days} days"
        return f"{self.state or 'any state'}, {self.lane or 'any lane'}: {kept}"
