"""Why something got slower or fails: its steps, its last runs and its errors, from the tasks that are kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median, quantiles

from django.db.models import QuerySet
from django.db.models.functions import Substr

from analytics.ranges import Range, at, ended_in, tasks_url
from events.charts.units import seconds
from tasks.models import Task
from tasks.monitor.recent import VARIES
from tasks.states import TaskState
from tasks.steps import elapsed

# So many of the newest runs of each period are looked at, and so many failures.
RUNS, FAILURES = 60, 500
MOST_STEPS, MOST_REASONS = 8, 8
# The last so many runs are compared with so many before them.
LAST, USUAL = 5, 20
# They got slower when their median is so many times the usual one, and so many of them took longer than three quarters
# of the usual runs.
WORSE, MANY = 1.2, 4


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step: how long it took in the middle, now and in the period before, in words; `share`: of the run."""

    job: str
    label: str
    now: str
    before: str
    change: str
    slower: bool
    share: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Failures whose errors differ only in numbers; `task` is the newest one."""

    error: str
    job: str
    count: int
    last_at: datetime
    task: str


@dataclass(frozen=True, slots=True)
class Regression:
    """The last runs beside the usual ones. `is_one`: they got slower, by more than chance would explain."""

    sentence: str
    is_one: bool


def steps(tasks: QuerySet[Task], asked: Range) -> list[StepRow]:
    """The steps of the newest runs in a range that succeeded, beside those of the period before; the longest first."""
    now = _lengths(tasks, asked.begin, asked.end)
    before = _lengths(tasks, asked.before.begin, asked.begin)
    whole = sum(median(values) for values, _ in now.values()) or 1.0
    rows = []
    for (job, key), (values, label) in sorted(now.items(), key=lambda item: -median(item[1][0]))[:MOST_STEPS]:
        new, old = median(values), median(before[job, key][0]) if (job, key) in before else None
        times = new / old if old else None
        change = "–" if times is None else "as before" if 0.85 < times < 1.15 else (
            f"{abs(times - 1) * 100:.0f} % {'slower' if times > 1 else 'quicker'}" if times < 10 else
            f"{times:,.0f} × as long")
        rows.append(StepRow(job, label, seconds(new), "–" if old is None else seconds(old), change,
                            times is not None and times >= 1.15 and new - (old or 0) >= 0.05,
                            round(100 * new / whole)))
    return rows


def reasons(tasks: QuerySet[Task], asked: Range) -> list[Reason]:
    """Why the newest failures in a range failed, the most frequent reason first."""
    failed = tasks.filter(state=TaskState.FAILED, finished_at__gte=at(asked.begin), finished_at__lt=at(asked.end))
    rows = failed.order_by("-finished_at").annotate(said=Substr("error", 1, 300))
    groups: dict[tuple[str, str], list[tuple[str, datetime, str]]] = defaultdict(list)
    for key, job, ended, said in rows.values_list("id", "job", "finished_at", "said")[:FAILURES]:
        first = said.split("\n", 1)[0].strip() or "No error was kept."
        groups[job, VARIES.sub("#", first)].append((first, ended, str(key)))
    found = [Reason(group[0][0], job, len(group), group[0][1], group[0][2]) for (job, _), group in groups.items()]
    return sorted(found, key=lambda one: (-one.count, one.error))[:MOST_REASONS]


def regression(tasks: QuerySet[Task]) -> Regression | None:
    """Whether the last five runs that succeeded took longer than the twenty before; None where there are too few."""
    ended = tasks.filter(state=TaskState.SUCCEEDED, started_at__isnull=False).order_by("-id")
    runs = [(finished - started).total_seconds()
            for started, finished in ended.values_list("started_at", "finished_at")[: LAST + USUAL]]
    if len(runs) < LAST + USUAL:
        return None
    return compared(runs[:LAST], runs[LAST:])


def compared(last: Sequence[float], usual: Sequence[float]) -> Regression:
    """The last runs beside the usual ones."""
    new, old = median(last), median(usual)
    long = quantiles(usual, n=4)[2]
    is_one = new >= WORSE * old and sum(1 for one in last if one > long) >= MANY
    told = "slower than usual" if is_one else "as usual"
    return Regression(f"The last {len(last)} runs took {seconds(new)} in the middle, the {len(usual)} before "
                      f"{seconds(old)}: {told}.", is_one)


def failures_url(query: str, asked: Range) -> str:
    """The address of the failures in a range."""
    return tasks_url(f"{query} state:failed {ended_in(asked.begin, asked.end)}".strip())


def _lengths(tasks: QuerySet[Task], begin: int, end: int) -> dict[tuple[str, str], tuple[list[float], str]]:
    """By job and key of a step its lengths, in seconds, and its label."""
    ended = tasks.filter(state=TaskState.SUCCEEDED, finished_at__gte=at(begin), finished_at__lt=at(end))
    found: dict[tuple[str, str], tuple[list[float], str]] = {}
    for job, steps, finished in ended.order_by("-finished_at").values_list("job", "steps", "finished_at")[:RUNS]:
        for step in steps:
            if step["started"] and step["ended"]:
                values, _ = found.setdefault((job, step["key"]), ([], step["label"]))
                values.append(elapsed(step, finished))
    return found
