"""What can be wrong with a schedule. Every `message` is for the user."""

from __future__ import annotations

from tasks.errors import TaskError


class BadSchedule(TaskError):
    """Input that makes no schedule. `field` names what is wrong: name, job, params, lane, priority, cron, interval,
    zone, overlap or at."""

    def __init__(self, message: str, field: str = ""):
        super().__init__(message)
        self.field = field


class StillRunning(TaskError):
    """The last run goes on, and the schedule says that none is to begin meanwhile."""
