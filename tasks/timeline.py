"""What happened to a task, moment by moment, over all its attempts; and where its run stands among earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from events.words import span
from tasks.models import Attempt, Task
from tasks.presentation import Look, look_of
from tasks.states import TaskState

# So many moments are shown at most, the last ones.
MOST = 40
# A run is compared with so many earlier ones, of which there have to be so many at least.
RUNS, FEWEST = 100, 5
OUTCOMES = {
    Attempt.Outcome.SUCCEEDED: TaskState.SUCCEEDED,
    Attempt.Outcome.CANCELLED: TaskState.CANCELLED,
    Attempt.Outcome.WAITED: TaskState.BLOCKED,
}


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a task, and a `note` on it."""

    at: datetime
    look: Look
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Earlier:
    """Earlier runs that succeeded: how many, and within what time half of them and 95 % of them ended. `verdict` says
    where the run stands among them; `slow`: longer than those 95 %."""

    count: int
    half: str
    most: str
    verdict: str
    slow: bool


def timeline_of(task: Task, attempts: Sequence[Attempt]) -> list[Moment]:
    """Created, waited, claimed, each step, settled: oldest first, the last forty."""
    moments = [Moment(task.created_at, look_of(TaskState.QUEUED), "Created", f"by {task.actor}")]
    free = None
    for attempt in sorted(attempts, key=lambda one: one.number):
        waited = task.wait() if free is None else attempt.started_at - free
        note = f"after {span(waited.total_seconds())} of waiting" if waited is not None else ""
        moments.append(Moment(attempt.started_at, look_of(TaskState.RUNNING),
                              f"Attempt {attempt.number} began on {attempt.worker}", note))
        free = attempt.ended_at
        if attempt.ended_at is not None:
            look = look_of(OUTCOMES.get(attempt.outcome, TaskState.FAILED))
            moments.append(Moment(attempt.ended_at, look, f"Attempt {attempt.number}: "
                                  f"{attempt.get_outcome_display().lower()}", _cause(attempt)))
    for step in task.steps:
        if step.get("started"):
            moments.append(_step(step))
    if task.finished_at is not None and not (attempts and free == task.finished_at):
        moments.append(Moment(task.finished_at, look_of(task.state), task.get_state_display(), task.reason))
    return sorted(moments, key=lambda one: one.at)[-MOST:]


def among_earlier(task: Task) -> Earlier | None:
    """Where its run stands among the last hundred of the same job, on the same subject, that succeeded before it; None
    before it has begun, and while there are fewer than five."""
    mine = task.run_time()
    if mine is None:
        return None
    before = Task.objects.filter(job=task.job, subject=task.subject, state=TaskState.SUCCEEDED, pk__lt=task.pk)
    rows = before.order_by("-id").values_list("started_at", "finished_at")[:RUNS]
    runs = sorted((end - begin).total_seconds() for begin, end in rows if begin and end)
    if len(runs) < FEWEST:
        return None
    half, most = (runs[ceil(len(runs) * share) - 1] for share in (0.5, 0.95))
    took = mine.total_seconds()
    slow = took > most
    faster = sum(run < took for run in runs)
    if slow:
        verdict = f"longer than {'all' if faster == len(runs) else faster} of them"
    elif task.state == TaskState.RUNNING:
        verdict = "within what is usual so far"
    else:
        verdict = "within what is usual" if took > half else "faster than half of them"
    return Earlier(len(runs), span(half), span(most), verdict, slow)


def _cause(attempt: Attempt) -> str:
    """Signal or exit code, and the first line of the error."""
    how = attempt.signal or (f"exit code {attempt.exit_code}" if attempt.exit_code else "")
    return "; ".join(filter(None, [how, attempt.error.split("\n", 1)[0][:200]]))


def _step(step: dict) -> Moment:
    began = datetime.fromisoformat(step["started"])
    if not step.get("ended"):
        return Moment(began, look_of(TaskState.RUNNING), step["label"], "not ended")
    length = (datetime.fromisoformat(step["ended"]) - began).total_seconds()
    look = look_of(TaskState.FAILED if step.get("failed") else TaskState.SUCCEEDED)
    return Moment(began, look, step["label"], f"took {span(length)}")
