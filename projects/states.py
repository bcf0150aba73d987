"""The states of a project, and the moves between them: what is not in the table cannot happen."""

from django.db import models


class ProjectState(models.TextChoices):
    STOPPED = "stopped", "Stopped"
    STARTING = "starting", "Starting"
    RUNNING = "running", "Running"
    STOPPING = "stopping", "Stopping"
    FAILED = "failed", "Failed"


class Desired(models.TextChoices):
    RUNNING = "running", "Running"
    STOPPED = "stopped", "Stopped"


S = ProjectState

# to: from. An observation may find a stack running that was taken for stopped or failed (somebody's hand, a late
# death of Hub), and a running one gone: the state shown is the state observed.
MOVES: dict[str, frozenset[str]] = {
    S.STOPPED: frozenset({S.STOPPING, S.RUNNING, S.FAILED, S.STARTING}),
    S.STARTING: frozenset({S.STOPPED, S.FAILED, S.RUNNING}),
    S.RUNNING: frozenset({S.STARTING, S.STOPPED, S.FAILED, S.STOPPING}),
    S.STOPPING: frozenset({S.RUNNING, S.STARTING, S.FAILED, S.STOPPED}),
    S.FAILED: frozenset({S.STARTING, S.STOPPING, S.RUNNING, S.STOPPED}),
}
