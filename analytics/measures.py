"""What can be asked of tasks: each measure with its name, its unit, and how it follows from what is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from analytics.rollups import Sum
from events.charts import PERCENT, SECONDS, Unit, count, plain
from tasks.states import TaskState

MICRO = 1e-6
SHARES = {"p50": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}


@dataclass(slots=True)
class Total:
    """What tasks come to: all of them together, and how many ended in each state; `seconds`: of how long."""

    all: Sum = field(default_factory=Sum)
    states: dict[str, int] = field(default_factory=dict)
    seconds: int = 0
    # By kind of length of how many tasks percentiles were last asked for, and the answer.
    _lengths: dict[str, tuple[int, dict[str, float | None]]] = field(default_factory=dict)

    def add(self, state: str, part: Sum) -> None:
        """Take in what ended in that state."""
        self.all.add(part)
        self.states[state] = self.states.get(state, 0) + part.count

    def merge(self, other: Total) -> None:
        """Take in another total, and its time."""
        self.all.add(other.all)
        for state, number in other.states.items():
            self.states[state] = self.states.get(state, 0) + number
        self.seconds += other.seconds


@dataclass(frozen=True, slots=True)
class Measure:
    """`of` is its value, None where there is nothing to measure. `spread`: it is read from the histograms. `worse`: 1
    where more is worse, -1 where less is, 0 where neither."""

    name: str
    label: str
    unit: Unit
    of: Callable[[Total], float | None]
    spread: str = ""
    worse: int = 0


def lengths(total: Total, kind: str) -> dict[str, float | None]:
    """Percentiles and the longest of waits or runs, in seconds."""
    one, longest = (total.all.waits, total.all.wait_max) if kind == "wait" else (total.all.runs, total.all.run_max)
    number = total.all.waited if kind == "wait" else total.all.ran
    if not number:
        return dict.fromkeys((*SHARES, "max"))
    known, answer = total._lengths.get(kind, (0, {}))
    if known != number:  # a chart asks for each percentile by itself
        found = one.quantiles(*SHARES.values())
        answer = {**{name: min(value, longest) * MICRO for name, value in zip(SHARES, found, strict=True)},
                  "max": longest * MICRO}
        total._lengths[kind] = (number, answer)
    return answer


def failure_rate(total: Total) -> float | None:
    """Of a hundred that succeeded or failed so many failed; what was cancelled is neither."""
    failed = total.states.get(TaskState.FAILED, 0)
    judged = failed + total.states.get(TaskState.SUCCEEDED, 0)
    return 100 * failed / judged if judged else None


def _state(state: str) -> Callable[[Total], float]:
    return lambda total: total.states.get(state, 0)


def _length(kind: str, name: str) -> Callable[[Total], float | None]:
    return lambda total: lengths(total, kind)[name]


def _mean(kind: str) -> Callable[[Total], float | None]:
    def mean(total: Total) -> float | None:
        whole, number = ((total.all.wait_sum, total.all.waited) if kind == "wait" else
                         (total.all.run_sum, total.all.ran))
        return whole / number * MICRO if number else None

    return mean


def _an_hour(total: Total) -> float | None:
    return total.all.count / total.seconds * 3600 if total.seconds else None


TASKS = count("tasks")
MEASURES = {one.name: one for one in (
    Measure("count", "Tasks ended", TASKS, lambda total: total.all.count),
    Measure("succeeded", "Succeeded", TASKS, _state(TaskState.SUCCEEDED)),
    Measure("failed", "Failed", TASKS, _state(TaskState.FAILED), worse=1),
    Measure("cancelled", "Cancelled", TASKS, _state(TaskState.CANCELLED)),
    Measure("failure_rate", "Failure rate", PERCENT, failure_rate, worse=1),
    Measure("throughput", "Throughput", plain("tasks an hour", " an hour"), _an_hour, worse=-1),
    Measure("busy", "Worker time", SECONDS, lambda total: total.all.busy * MICRO),
    *(Measure(f"{kind}_{share}", f"{word} {share}", SECONDS, _length(kind, share), kind, 1)
      for kind, word in (("wait", "Wait"), ("run", "Run")) for share in SHARES),
    *(Measure(f"{kind}_mean", f"{word}, mean", SECONDS, _mean(kind), worse=1)
      for kind, word in (("wait", "Wait"), ("run", "Run"))),
    Measure("wait_max", "Wait, longest", SECONDS,
            lambda total: total.all.wait_max * MICRO if total.all.waited else None, worse=1),
    Measure("run_max", "Run, longest", SECONDS,
            lambda total: total.all.run_max * MICRO if total.all.ran else None, worse=1),
)}  # fmt: skip
