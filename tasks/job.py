"""What a background job is: a class, registered under its name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, ClassVar, NamedTuple

from django.conf import settings
from django.utils.module_loading import autodiscover_modules

from tasks.cancellation import TaskWaits
from tasks.models import Task, Unmet
from tasks.progress import Progress

_registry: dict[str, type[Job]] = {}


class JobFailed(Exception):
    """A failure that the job itself understands. `message` is for the user, `detail` is what else helps."""

    def __init__(self, message: str, detail: str = ""):
        super().__init__(message)
        self.message, self.detail = message, detail


class Limits(NamedTuple):
    """Seconds after which a job is told to end (`TaskTimedOut`), and after which it is killed."""

    soft: float
    hard: float


@dataclass(frozen=True, slots=True)
class Child:
    """A task that a job wants done before it goes on; `options` are those of `tasks.actions.enqueue`."""

    job: type[Job]
    params: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)


class Job:
    """A kind of background work. Subclasses set `name`, may set the rest, and write `run`.

    - `lane`: which workers take it.
    - `timeout`: seconds after which it is told to end, by a `TaskTimedOut` that it may catch to tidy up;
      `hard_timeout`: seconds after which it is killed. See `limits` for what counts where they are None.
    - `cancel_grace`: seconds that a running job has to tidy up after it was told to stop, before it is killed.
    - `max_attempts`: how often it may be begun when its *process* dies; `retries`: how often it is tried again after it
      *raised*, or took too long, with a pause that `tasks.retries.pause` makes from `backoff` and `backoff_cap`
      (seconds). Each counts its own: a death takes nothing from the retries. Errors of the classes in `no_retry_on`
      (a `TaskTimedOut` may be one) end the task at once. A job with either must be idempotent.
    - `own_process`: has a process of its own, which ends with it. Others share one with the tasks before and after them
      (see `tasks.shift`): for long work, and for jobs that leave state in modules.
    - `heavy`: names of modules that it imports only when it needs them. A worker does without them, until one of its
      tasks with a process of its own needed them: from then on, all such processes share what the worker has.
    - `startable`: may be started by `POST /api/tasks`.

    `run` returns a JSON object (or None) and raises when it did not succeed. `on_*` run once, in the transaction that
    ends the task, in whichever process ends it; they must be short, and must not call engines.
    """

    name: ClassVar[str] = ""
    lane: ClassVar[str] = "default"
    timeout: ClassVar[float | None] = None
    hard_timeout: ClassVar[float | None] = None
    max_attempts: ClassVar[int] = 1
    retries: ClassVar[int] = 0
    backoff: ClassVar[float] = 10.0
    backoff_cap: ClassVar[float] = 3600.0
    no_retry_on: ClassVar[tuple[type[BaseException], ...]] = ()
    cancel_grace: ClassVar[float] = 15.0
    own_process: ClassVar[bool] = False
    heavy: ClassVar[tuple[str, ...]] = ()
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
        if cls.timeout is not None and cls.hard_timeout is not None and cls.hard_timeout < cls.timeout:
            raise TypeError(f"{cls.__name__} would be killed before it is told: its hard_timeout is below its timeout.")

    @classmethod
    def check(cls, params: dict[str, Any]) -> None:
        """Raise BadTask(message, "params") when it cannot work with these; called before the task is written."""

    @classmethod
    def title(cls, params: dict[str, Any]) -> str:
        """What people read in lists, made when the task is written."""
        return cls.name

    @classmethod
    def limits(cls) -> Limits:
        """How long it may run. Without a word of its own: the settings. With only `timeout`: its `cancel_grace` more
        until it is killed. With only `hard_timeout`: told by the settings, and no later than that."""
        if cls.timeout is None and cls.hard_timeout is None:
            return Limits(settings.HUB_TASK_SOFT_LIMIT, settings.HUB_TASK_HARD_LIMIT)
        if cls.timeout is None:
            return Limits(min(settings.HUB_TASK_SOFT_LIMIT, cls.hard_timeout), cls.hard_timeout)
        return Limits(cls.timeout, cls.timeout + cls.cancel_grace if cls.hard_timeout is None else cls.hard_timeout)

    @cached_property
    def children(self) -> list[Task]:
        """The tasks that this one has begun, oldest first, as they were when this attempt first looked."""
        return list(Task.objects.filter(parent=self.task.pk).order_by("id"))

    def wait_for(self, children: Iterable[Child | Task], *, unless_succeeded: str = Unmet.RUN) -> TaskWaits:
        """What to raise to wait for children without holding a worker: `raise self.wait_for([Child(Resize, {...})])`.

        The children are written, and the task becomes `blocked`, in one transaction that only the newest attempt can
        make: either all of it has happened, or nothing. When all have ended, `run` is called again from its beginning,
        in a new attempt that counts neither as a death nor as a retry, and finds them in `self.children`.
        `unless_succeeded`: what becomes of the task when one has not succeeded: `run` (it looks for itself), `fail`
        or `skip` (it is cancelled). Raises ValueError for no children.
        """
        wanted = list(children)
        if not wanted:
            raise ValueError("wait_for() needs a child to wait for: without one the job would begin again for ever.")
        return TaskWaits(wanted, Unmet(unless_succeeded))

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
