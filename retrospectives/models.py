"""Sprints with what was measured of them, reports made of them, and the experiments that reports proposed."""

from __future__ import annotations

from django.db import models
from django.urls import reverse
from django.utils.functional import cached_property

from retrospectives.metrics import with_derived


class Sprint(models.Model):
    """One sprint of a team. `values`: numbers by key of `retrospectives.metrics.METRICS`; a metric without a value is
    not in it. `source`: where it came from, such as `hand`, `file` or the address it was fetched from."""

    team = models.CharField(max_length=100, blank=True, db_default="")
    sprint_id = models.CharField(max_length=100)
    name = models.CharField(max_length=200)
    start_date = models.DateField()
    end_date = models.DateField()
    values = models.JSONField(default=dict, blank=True)
    source = models.CharField(max_length=300, db_default="hand")
    fetched_at = models.DateTimeField()

    class Meta:
        ordering = ("team", "-end_date", "-pk")
        constraints = (
            models.UniqueConstraint(fields=("team", "sprint_id"), name="one_sprint_of_a_team"),
            models.CheckConstraint(condition=models.Q(end_date__gte=models.F("start_date")), name="sprint_ends_after"),
        )
        indexes = (models.Index(fields=("team", "-end_date"), name="sprints_of_a_team"),)

    def __str__(self) -> str:
        return self.name

    @cached_property
    def whole(self) -> dict[str, float | None]:
        """The value of every metric, also of those that follow from others; None where there is none."""
        return with_derived(self.values)


class Report(models.Model):
    """A retrospective report. `content`: all that it says, as `retrospectives.report.compose` makes it; it does not
    change when its sprints do."""

    team = models.CharField(max_length=100, blank=True, db_default="")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    task = models.UUIDField(null=True, unique=True)
    content = models.JSONField()

    class Meta:
        ordering = ("-pk",)
        indexes = (models.Index(fields=("team", "-id"), name="reports_of_a_team"),)

    def __str__(self) -> str:
        return self.content.get("headline", "")

    def get_absolute_url(self) -> str:
        return reverse("retrospectives:report", args=[self.pk])


class Experiment(models.Model):
    """What a report proposed to try: begun by somebody, and judged by the next report.

    `measure`: the key of the metric that tells; it has worked when that reaches `target`, in the direction in which
    the metric is better, as the mean of the sprints that it ran for."""

    class State(models.TextChoices):
        PROPOSED = "proposed"
        RUNNING = "running"
        WORKED = "worked"
        FAILED = "failed"
        DROPPED = "dropped"

    report = models.ForeignKey(Report, models.CASCADE, related_name="experiments")
    rank = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=200)
    measure = models.CharField(max_length=50)
    target = models.FloatField()
    duration_sprints = models.PositiveSmallIntegerField()
    owner = models.CharField(max_length=100, blank=True, db_default="")
    state = models.CharField(max_length=10, choices=State, db_default=State.PROPOSED)
    began_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=300, blank=True, db_default="")

    class Meta:
        ordering = ("report", "rank")
        constraints = (models.UniqueConstraint(fields=("report", "rank"), name="one_experiment_a_rank"),)

    def __str__(self) -> str:
        return self.title
