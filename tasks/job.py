"""What a background job is: a class, registered under its name."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from django.utils.module_loading import autodiscover_modules

from tasks.models import Task
from tasks.progress import Progress

_registry: dict[str, type[Job]] = {}


class JobFailed(Exception):
    """A failure that the job itself understands. `message` is for the user, `detail` is what else helps."""

    def __init__(self, message: str, detail: str = ""):
        super().__init__(message)
        self.message, self.detail = message, detail


class Job:
    """A kind of background work. Subclasses set `name`, may set the rest, and write `run`.

    - `lane`: which workers take it; `max_attempts`: how often it may be tried when its *process* died (a job that
      raises has failed, and is not tried again); a job with `max_attempts > 1` must be idempotent.
    - `timeout`: seconds after which it is killed, None for the default of the settings.
    - `cancel_grace`: seconds that a running job has to tidy up after it was told to stop, before it is killed.
    - `startable`: may be started by `POST /api/tasks`.

    `run` returns a JSON object (or None) and raises when it did not succeed. `on_*` run once, in the transaction that
    ends the task, in whichever process ends it; they must be short, and must not call engines.
    """

    name: ClassVar[str] = ""
    lane: ClassVar[str] = "default"
    timeout: ClassVar[float | None] = None
    max_attempts: ClassVar[int] = 1
    cancel_grace: ClassVar[float] = 15.0
    startable: ClassVar[bool] = False

    def __init__(self, task: Task, progress: Progress):
        self.task = task
        self.params: dict[str, Any] = task.params
        self.progress = progress

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.name:
            other = _registry.setdefault(cls.name, cls)
            if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
                raise TypeError(f"Two jobs are named {cls.name!r}: {other.__module__} and {cls.__module__}.")

    @classmethod
    def check(cls, params: dict[str, Any]) -> None:
        """Raise BadTask(message, "params") when it cannot work with these; called before the task is written."""

    @classmethod
    def title(cls, params: dict[str, Any]) -> str:
        """What people read in lists, made when the task is written."""
        return cls.name

    def log(self, text: str, level: str = "info", source: str = "") -> None:
        """Say a line that people can read while the task runs."""
        self.progress.log(text, level, source)

    def run(self) -> dict[str, Any] | None:
        """Do the work."""
        raise TypeError(f"{type(self).__name__} does not say what it does: it has no run().")

    def on_succeeded(self, result: dict[str, Any] | None) -> None:
        """Called in the transaction that makes the task `succeeded`."""

    def on_failed(self, error: str) -> None:
        """Called in the transaction that makes the task `failed`, also when its process died."""

    def on_cancelled(self) -> None:
        """Called in the transaction that makes the task `cancelled`, also when it never ran."""


@cache
def _discover() -> None:
    autodiscover_modules("jobs")


def job_class(name: str) -> type[Job] | None:
    """The registered job of that name, None when this Hub has none."""
    _discover()
    return _registry.get(name)


def job_classes() -> list[type[Job]]:
    """All registered jobs, by name."""
    _discover()
    return [_registry[name] for name in sorted(_registry)]
