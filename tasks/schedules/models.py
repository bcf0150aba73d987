"""What runs again and again."""

from __future__ import annotations

from datetime import datetime

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from tasks.schedules.times import Rhythm


class Overlap(models.TextChoices):
    """What happens when it is time and the last run has not ended."""

    SKIP = "skip", "Skip this run"
    QUEUE = "queue", "Wait for the last one"
    CANCEL = "cancel-running", "Cancel the last one"


class Schedule(models.Model):
    """A job that runs by a cron expression in a time zone, or every so many seconds: one of the two is set.

    - `next_run_at`: when it is due; null while it is paused, and until the scheduler has seen it.
    - `waiting`: a run is due as soon as the last one has ended; however many were due meanwhile, it is one.
    - `lane`: empty for the job's own. `problem`: why the last run could not begin, empty when it could.
    """

    name = models.CharField(max_length=100, unique=True)
    job = models.CharField(max_length=100)
    params = models.JSONField(default=dict, blank=True)
    lane = models.CharField(max_length=32, blank=True)
    priority = models.PositiveSmallIntegerField(
        default=5, validators=[MinValueValidator(1), MaxValueValidator(10)]
    )
    cron = models.CharField(max_length=100, blank=True)
    every = models.PositiveIntegerField(null=True, blank=True)
    zone = models.CharField(max_length=64, default="UTC")
    overlap = models.CharField(max_length=16, choices=Overlap.choices, default=Overlap.SKIP)
    paused = models.BooleanField(default=False)
    paused_by = models.CharField(max_length=200, blank=True)
    waiting = models.BooleanField(default=False)
    next_run_at = models.DateTimeField(null=True, blank=True)
    last_run_at = models.DateTimeField(null=True, blank=True)
    last_task = models.ForeignKey("tasks.Task", models.SET_NULL, null=True, blank=True, related_name="+")
    problem = models.CharField(max_length=500, blank=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(every=None) & ~Q(cron="")) | (Q(every__gte=1) & Q(cron="")),
                name="schedule_cron_or_interval",
            ),
        ]
        indexes = [models.Index(fields=["next_run_at"], name="schedule_next")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("tasks:schedule", args=[self.pk])

    @property
    def rhythm(self) -> Rhythm:
        return Rhythm(self.cron, self.every, self.zone)

    def next_runs(self, count: int = 5) -> list[datetime]:
        """When it runs next, in UTC; none while it is paused."""
        if self.paused or self.next_run_at is None:
            return []
        return [self.next_run_at, *self.rhythm.following(self.next_run_at, count - 1)]
