"""The states of a task, and the moves between them: what is not in the table cannot happen."""

from django.db import models


class TaskState(models.TextChoices):
    SCHEDULED = "scheduled", "Scheduled"
    BLOCKED = "blocked", "Blocked"
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


S = TaskState

# to: from. A running task goes back to queued when its worker died and it is to run again, to scheduled when it is to
# be tried again after a pause, and to blocked when it waits for its children.
MOVES: dict[str, frozenset[str]] = {
    S.SCHEDULED: frozenset({S.BLOCKED, S.RUNNING}),
    S.BLOCKED: frozenset({S.RUNNING}),
    S.QUEUED: frozenset({S.SCHEDULED, S.BLOCKED, S.RUNNING}),
    S.RUNNING: frozenset({S.QUEUED}),
    S.SUCCEEDED: frozenset({S.RUNNING}),
    S.FAILED: frozenset({S.SCHEDULED, S.BLOCKED, S.QUEUED, S.RUNNING}),
    S.CANCELLED: frozenset({S.SCHEDULED, S.BLOCKED, S.QUEUED, S.RUNNING}),
}

WAITING = frozenset({S.SCHEDULED, S.BLOCKED, S.QUEUED})
ACTIVE = WAITING | {S.RUNNING}
ENDED = frozenset({S.SUCCEEDED, S.FAILED, S.CANCELLED})

# What scripts written against Celery read.
CELERY_STATES: dict[str, str] = {
    S.SCHEDULED: "PENDING",
    S.BLOCKED: "PENDING",
    S.QUEUED: "PENDING",
    S.RUNNING: "RUNNING",
    S.SUCCEEDED: "SUCCESS",
    S.FAILED: "FAILURE",
    S.CANCELLED: "REVOKED",
}


def label_of(state: str) -> str:
    """A state in words; one that Hub does not know as it is written."""
    return TaskState(state).label if state in TaskState.values else state
