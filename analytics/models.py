"""What is kept of tasks when they are gone: how many ended how, how long they waited and ran, bucket by bucket."""

from __future__ import annotations

from django.db import models

MINUTE, QUARTER, HOUR, DAY = 60, 900, 3600, 86400


class Uncounted(models.Model):
    """A task that has ended and is not in the roll-ups yet, with all that these take from it.

    A trigger writes it in the transaction that ends the task (`analytics.schema`), and whoever adds it to the roll-ups
    removes it in the transaction that adds it: so each task is counted once, whatever dies, commits late, or is pruned
    meanwhile. `busy`: microseconds that its attempts took together; `worker`: of the last one, empty where there was
    none. The other columns are the task's.
    """

    task = models.UUIDField()
    job = models.CharField(max_length=100)
    lane = models.CharField(max_length=32)
    priority = models.PositiveSmallIntegerField()
    subject = models.CharField(max_length=100)
    state = models.CharField(max_length=16)
    worker = models.CharField(max_length=100)
    busy = models.BigIntegerField()
    created_at = models.DateTimeField()
    run_at = models.DateTimeField(null=True)
    ready_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "uncounted"

    def __str__(self) -> str:
        return str(self.task)


class Removed(models.Model):
    """How many ended tasks of a day (UTC) were pruned: what is counted of that day can no longer be counted anew.

    Written by a trigger (`analytics.schema`).
    """

    day = models.DateField(primary_key=True)
    number = models.PositiveBigIntegerField()

    class Meta:
        ordering = ["day"]
        verbose_name_plural = "removed"

    def __str__(self) -> str:
        return f"{self.day}: {self.number}"


class Tally(models.Model):
    """One row, of number 1. Who writes roll-ups begins with raising `version`, so only one does at a time, and every
    state of the roll-ups has a number of its own."""

    ONLY = 1

    version = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "tally"

    def __str__(self) -> str:
        return f"version {self.version}"


class Series(models.Model):
    """Tasks of one kind that ended in one state: those of a job, a lane, ..., or all of them (an empty key).

    Those of the dimension `total` are all that ended, in any state: it is empty there. A chart of all tasks needs one
    histogram a point, not one for each state.
    `version`: that of the tally when something was last added to it, or taken from it.
    """

    class Dimension(models.TextChoices):
        ALL = "all", "All tasks"
        TOTAL = "total", "All tasks in any state"
        JOB = "job", "Job"
        LANE = "lane", "Lane"
        PRIORITY = "priority", "Priority"
        PROJECT = "project", "Project"
        WORKER = "worker", "Worker"
        OPERATION = "operation", "Job on a project"

    dimension = models.CharField(max_length=16, choices=Dimension.choices)
    key = models.CharField(max_length=210, blank=True)
    state = models.CharField(max_length=16)
    version = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["dimension", "key", "state"]
        verbose_name_plural = "series"
        constraints = [models.UniqueConstraint(fields=["dimension", "key", "state"], name="one_series_each")]

    def __str__(self) -> str:
        return f"{self.dimension} {self.key} {self.state}".replace("  ", " ")


class Bucket(models.Model):
    """The tasks of a series that ended in the `width` seconds (a minute, a quarter of an hour, an hour or a day) from
    `start` (seconds since the epoch) on.

    Lengths are microseconds. `waited` of them were begun, and waited `wait_sum` together, `wait_max` at most; `waits`
    says how these are spread (`analytics.spread`). The same for how long they ran. `busy`: what attempts took.
    """

    series = models.ForeignKey(Series, models.CASCADE, related_name="buckets", db_index=False)
    width = models.PositiveIntegerField()
    start = models.BigIntegerField()
    count = models.PositiveBigIntegerField(default=0)
    waited = models.PositiveBigIntegerField(default=0)
    wait_sum = models.PositiveBigIntegerField(default=0)
    wait_max = models.PositiveBigIntegerField(default=0)
    waits = models.BinaryField(default=bytes)
    ran = models.PositiveBigIntegerField(default=0)
    run_sum = models.PositiveBigIntegerField(default=0)
    run_max = models.PositiveBigIntegerField(default=0)
    runs = models.BinaryField(default=bytes)
    busy = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["start"]
        constraints = [models.UniqueConstraint(fields=["series", "width", "start"], name="one_bucket_each")]

    def __str__(self) -> str:
        return f"{self.series_id} {self.width} {self.start}: {self.count}"


class Reading(models.Model):
    """Values of a measure that is no task's, such as the size of the database, seen in the `width` seconds from `start`
    on: how many, their sum, the highest, and how they are spread (`analytics.spread`, in millionths) where that is
    asked for. `key` tells values of one name apart, such as the view that answered."""

    name = models.CharField(max_length=40)
    key = models.CharField(max_length=120, blank=True)
    width = models.PositiveIntegerField()
    start = models.BigIntegerField()
    count = models.PositiveBigIntegerField(default=0)
    total = models.FloatField(default=0.0)
    high = models.FloatField(default=0.0)
    spread = models.BinaryField(default=bytes)

    class Meta:
        ordering = ["start"]
        constraints = [models.UniqueConstraint(fields=["name", "width", "key", "start"], name="one_reading_each")]

    def __str__(self) -> str:
        return f"{self.name} {self.key} {self.width} {self.start}: {self.count}"
