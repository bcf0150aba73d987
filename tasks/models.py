"""Background tasks: what is to be done, each attempt at it, and what it said."""

import uuid
from datetime import datetime, timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from events.context import current
from events.ids import uuid7
from events.sight import seen_by_actor
from tasks.bulk.models import BulkItem  # noqa: F401 - Django finds models here
from tasks.crews.models import Crew  # noqa: F401 - as above
from tasks.drift.models import Repair  # noqa: F401 - as above
from tasks.lanes import LANES, OVERDUE, queue_name
from tasks.nodes.models import Node  # noqa: F401 - as above
from tasks.payloads import Params, Steps
from tasks.retention.models import RetentionRule  # noqa: F401 - as above
from tasks.saved.models import SavedView  # noqa: F401 - as above
from tasks.schedules.models import Schedule
from tasks.search.lengths import ran, waited
from tasks.search.models import Unwritten  # noqa: F401 - as above
from tasks.search.moments import Misdated
from tasks.states import ACTIVE, ENDED, WAITING, TaskState


class Unmet(models.TextChoices):
    """What becomes of a task when one that it waits for ends otherwise than by succeeding."""

    SKIP = "skip", "Skip it"
    FAIL = "fail", "Fail it"
    RUN = "run", "Run it all the same"


class SeenTasks(models.Manager):
    """The tasks that exist for the actor of the request at hand: see `events.sight`."""

    def get_queryset(self) -> models.QuerySet:
        return seen_by_actor(super().get_queryset(), "subject")


class Task(models.Model):
    """One thing to be done in the background. The row is the truth; the queue only says when to look at it.

    - `job`: the registered name of its class; `title`: what people read; `subject`: what it is about
      (`projects.project:42`), of which at most one task is active at a time.
    - `steps`: `[{"key", "label", "done", "total", "detail", "started", "ended", "usual"}]`; times are ISO 8601,
      `usual` is the median length in seconds of that step in earlier runs, null without history.
    - `progress`: per cent done by the usual lengths of the steps, null without history. `due_at`: when it should end.
    - `run_at`: not before this time; of a task that waits for its retry, the time of that. `ready_at`: since when
      nothing but a free worker was wanting for its first attempt.
    - `node`: only workers of that node run it; empty where any worker may.
    - `error`: its first sentence is for the user; `detail`: the rest (traceback, last lines).
    - `gained`: ranks that it has gained by waiting. `held`: while queued, it waits outside of RQ's
      lists until its subject has room.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    job = models.CharField(max_length=100)
    title = models.CharField(max_length=300)
    subject = models.CharField(max_length=100, blank=True)
    lane = models.CharField(max_length=32, default="default")
    node = models.CharField(max_length=64, blank=True, default="")
    priority = models.PositiveSmallIntegerField(
        default=5, validators=[MinValueValidator(1), MaxValueValidator(10)]
    )
    gained = models.PositiveSmallIntegerField(default=0, editable=False)
    held = models.BooleanField(default=False, editable=False)
    params = Params(default=dict)
    state = models.CharField(max_length=16, choices=TaskState.choices, default=TaskState.QUEUED)
    reason = models.CharField(max_length=300, blank=True)
    cancel_requested = models.BooleanField(default=False)
    attempt = models.PositiveIntegerField(default=0)
    actor = models.CharField(max_length=200)
    correlation_id = models.UUIDField(default=uuid.uuid4)
    parent = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="children")
    retry_of = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="retried_by")
    # Not every task pays for an index that only those of schedules need: see below.
    schedule = models.ForeignKey(
        Schedule, models.SET_NULL, null=True, blank=True, related_name="tasks", db_index=False
    )
    created_at = models.DateTimeField(default=timezone.now)
    run_at = models.DateTimeField(null=True, blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    queued_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    steps = Steps(default=list)
    step = models.CharField(max_length=300, blank=True)
    steps_done = models.PositiveIntegerField(default=0)
    steps_total = models.PositiveIntegerField(default=0)
    progress = models.FloatField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True)
    detail = models.TextField(blank=True)

    # Whoever ran it knows that no attempt has said a line: its log need not be looked for.
    silent = False
    # Whoever claimed it knows that a limit was about it: its end lets another one in.
    limited = False

    objects = SeenTasks()
    everything = models.Manager()

    class Meta:
        ordering = ["-id"]
        permissions = [("operate_task", "Can start, cancel and retry tasks")]
        constraints = [
            models.UniqueConstraint(
                fields=["subject"],
                condition=Q(state__in=sorted(ACTIVE)) & ~Q(subject=""),
                name="one_active_task_per_subject",
            ),
            models.CheckConstraint(condition=Q(priority__gte=1, priority__lte=10), name="task_priority_1_to_10"),
        ]
        indexes = [
            models.Index(fields=["state", "-id"], name="task_state"),
            models.Index(fields=["subject", "-id"], name="task_subject", opclasses=["varchar_pattern_ops", "uuid_ops"]),
            models.Index(fields=["job", "subject", "state", "-id"], name="task_history"),
            models.Index(fields=["correlation_id"], name="task_correlation"),
            # What seldom is so is found at once among a million: see tasks.search.facets.
            models.Index(fields=["state", "lane", "job", "priority", "attempt", "-id"], name="task_facets"),
            # A few in a hundred take a second attempt, and very few a sixth.
            models.Index(fields=["-id", "attempt"], condition=Q(attempt__gt=1), name="task_retried"),
            # The first one of these finds beginnings, too, whatever PostgreSQL's locale.
            models.Index(fields=["actor", "-id"], name="task_actor", opclasses=["varchar_pattern_ops", "uuid_ops"]),
            models.Index(waited(), "id", condition=Q(started_at__isnull=False), name="task_waited"),
            models.Index(ran(), "id", condition=Q(finished_at__isnull=False, started_at__isnull=False),
                         name="task_ran"),
            # With the id, so that the ids of a week are found without a look at its tasks.
            models.Index(fields=["created_at", "id"], name="task_created"),
            models.Index(fields=["created_at", "id"], condition=Q(Misdated("id", "created_at")), name="task_misdated"),
            models.Index(fields=["schedule", "-id"], condition=Q(schedule__isnull=False), name="task_of_schedule"),
            # For the monitor, which looks every second: what ended when, what is active, and what is due.
            models.Index(fields=["finished_at", "state"], condition=Q(finished_at__isnull=False), name="task_ended"),
            models.Index(fields=["state", "lane", "priority", "queued_at"],
                         condition=Q(state__in=sorted(ACTIVE)), name="task_active"),
            models.Index(fields=["state", "run_at"], condition=Q(state=TaskState.SCHEDULED), name="task_due"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE

    @property
    def is_waiting(self) -> bool:
        return self.state in WAITING

    @property
    def rank(self) -> int:
        """Where it stands in its lane: its priority, and what it has gained by waiting."""
        return min(self.priority + self.gained, OVERDUE)

    @property
    def queue(self) -> str:
        """The name of the queue that it waits on."""
        return queue_name(self.lane, self.rank, self.node)

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    def remaining(self, now: datetime | None = None) -> float | None:
        """Seconds until it should end by its own history; None when nobody knows (no history, overdue, not running)."""
        if self.state != TaskState.RUNNING or self.due_at is None:
            return None
        left = (self.due_at - (now or timezone.now())).total_seconds()
        return left if left > 0 else None

    def wait(self) -> timedelta | None:
        """From when it could have run (it was created, its time came, what it waited for ended) until it first ran."""
        return wait_between(self.created_at, self.ready_at, self.run_at, self.started_at)

    def run_time(self, now: datetime | None = None) -> timedelta | None:
        """From its first start until it ended, or until now."""
        if self.started_at is None:
            return None
        return (self.finished_at or now or timezone.now()) - self.started_at


def wait_between(created: datetime, ready: datetime | None, planned: datetime | None,
                 started: datetime | None) -> timedelta | None:
    """`Task.wait` of a task of which only these times were read."""
    return None if started is None else started - (ready or max(created, planned or created))


class Dependency(models.Model):
    """`task` waits for `needs`, unless that has ended. A task that waits for its child has a row like any other.

    `unmet` says what becomes of `task` when `needs` fails or is cancelled.
    """

    task = models.ForeignKey(Task, models.CASCADE, related_name="dependencies")
    needs = models.ForeignKey(Task, models.CASCADE, related_name="dependents")
    unmet = models.CharField(max_length=8, choices=Unmet.choices, default=Unmet.SKIP)

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "dependencies"
        constraints = [models.UniqueConstraint(fields=["task", "needs"], name="dependency_once")]

    def __str__(self) -> str:
        return f"{self.task_id} needs {self.needs_id}"


class Attempt(models.Model):
    """One try at a task. Its id is the fence: only the newest attempt of a running task may write to the task.

    `memory`: the bytes that its process had used at most when it died, null where it did not, or nobody saw it.
    """

    class Outcome(models.TextChoices):
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        DIED = "died", "Died"
        WAITED = "waited", "Began to wait"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    task = models.ForeignKey(Task, models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    worker = models.CharField(max_length=100)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    # Jiffies since boot at which the process began: with the pid it names one process for ever (proc(5), field 22).
    pid_started = models.BigIntegerField()
    boot_id = models.CharField(max_length=36, blank=True)
    correlation_id = models.UUIDField()
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=16, choices=Outcome.choices, blank=True)
    error = models.TextField(blank=True)
    exit_code = models.IntegerField(null=True, blank=True)
    signal = models.CharField(max_length=16, blank=True)
    memory = models.BigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["task", "number"], name="attempt_number_once")]
        indexes = [
            models.Index(fields=["started_at"], condition=Q(ended_at=None), name="attempt_open"),
            models.Index(fields=["-ended_at"], condition=Q(outcome="died"), name="attempt_died"),
            models.Index(fields=["worker", "task"], name="attempt_worker",
                         opclasses=["varchar_pattern_ops", "uuid_ops"]),
        ]

    def __str__(self) -> str:
        return f"Attempt {self.number} of {self.task_id}"


class ToldLines(models.Manager):
    """The lines that the actor of the request at hand may see: none for one who may not see logs."""

    def get_queryset(self) -> models.QuerySet:
        return super().get_queryset() if current().payloads else super().get_queryset().none()


class LogLine(models.Model):
    """One line of a task's log, readable while it runs."""

    class Level(models.TextChoices):
        DEBUG = "debug", "Debug"
        INFO = "info", "Info"
        WARNING = "warning", "Warning"
        ERROR = "error", "Error"

    task = models.ForeignKey(Task, models.CASCADE, related_name="log_lines")
    attempt = models.PositiveIntegerField(default=0)
    at = models.DateTimeField(default=timezone.now)
    level = models.CharField(max_length=8, choices=Level.choices, default=Level.INFO)
    source = models.CharField(max_length=100, blank=True)
    text = models.TextField()
    correlation_id = models.UUIDField(null=True)

    objects = ToldLines()
    everything = models.Manager()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["task", "id"], name="log_of_task")]

    def __str__(self) -> str:
        return self.text


class Lane(models.Model):
    """The limits of a lane; a lane without a row has none.

    `cap`: how many of its tasks may run at a time; `rate`: how many may start in any `period` (seconds), of which
    `starts` holds the last (seconds since the epoch). A paused lane starts none; `reason` says who paused it.
    """

    MOST_STARTS = 1000

    name = models.CharField(primary_key=True, max_length=32, choices=[(lane, lane) for lane in LANES])
    paused = models.BooleanField(default=False)
    reason = models.CharField(max_length=300, blank=True, editable=False)
    cap = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    rate = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(MOST_STARTS)]
    )
    period = models.FloatField(null=True, blank=True, validators=[MinValueValidator(0.1), MaxValueValidator(86400.0)])
    starts = models.JSONField(default=list, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(cap=None) | Q(cap__gte=1), name="lane_cap_from_1"),
            models.CheckConstraint(
                condition=Q(rate=None, period=None) | Q(rate__gte=1, period__gt=0), name="lane_rate_with_period"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SubjectCap(models.Model):
    """At most `cap` tasks run at a time whose subject begins with `prefix`, such as `projects.project:`."""

    prefix = models.CharField(max_length=100, unique=True)
    cap = models.PositiveIntegerField(validators=[MinValueValidator(1)])

    class Meta:
        ordering = ["prefix"]
        constraints = [models.CheckConstraint(condition=Q(cap__gte=1), name="subject_cap_from_1")]

    def __str__(self) -> str:
        return f"{self.prefix}: {self.cap}"
