"""The steps of a task as JSON, and how far they say it is: counted, or known from earlier runs, never invented.

A step: `{"key", "label", "done", "total", "detail", "started", "ended", "usual", "tail"}`. Times are ISO 8601 or null.
One that failed while the task goes on with something else has `"failed": true` as well, and has ended.
`usual` is the median length in seconds of that step in earlier runs, `tail` the median time from its end to the end
of the run (so that steps that overlap are not added up); null without history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

Step = dict[str, Any]

# Of a step whose end is only guessed, this much at most: it is not done until it says so.
NEARLY = 0.95
# A task that runs is never shown as complete.
HIGHEST_SHOWN = 99.0


class Usual(NamedTuple):
    """What a step took in earlier runs, in seconds."""

    length: float
    tail: float


def planned(steps: list[Step], plan: Iterable[tuple[str, str]], history: Mapping[str, Usual]) -> list[Step]:
    """The steps after a (new) plan: those that have begun stay, the others are replaced by what the plan names."""
    begun = [step for step in steps if step["started"]]
    keys = {step["key"] for step in begun}
    for key, label in plan:
        if key not in keys:
            keys.add(key)
            begun.append(_new(key, label, history))
    return begun


def find(steps: list[Step], key: str, history: Mapping[str, Usual]) -> Step:
    """The step of that key; one that nobody planned is added at the end."""
    for step in steps:
        if step["key"] == key:
            return step
    steps.append(_new(key, key, history))
    return steps[-1]


def _new(key: str, label: str, history: Mapping[str, Usual]) -> Step:
    usual = history.get(key)
    return {
        "key": key, "label": label, "done": 0, "total": 1, "detail": "", "started": None, "ended": None,
        "usual": usual and round(usual.length, 3), "tail": usual and round(usual.tail, 3),
    }  # fmt: skip


def current(steps: list[Step]) -> Step | None:
    """The step to name: the newest that runs, else the first that has not begun."""
    running = [step for step in steps if step["started"] and not step["ended"]]
    if running:
        return max(running, key=lambda step: step["started"])
    return next((step for step in steps if not step["started"]), None)


def finished(steps: list[Step]) -> int:
    """How many have ended well."""
    return sum(1 for step in steps if step["ended"] and not step.get("failed"))


def elapsed(step: Step, now: datetime) -> float:
    """Seconds since it began, until it ended or now; 0 before it begins."""
    if not step["started"]:
        return 0.0
    end = datetime.fromisoformat(step["ended"]) if step["ended"] else now
    return max((end - datetime.fromisoformat(step["started"])).total_seconds(), 0.0)


def fraction(step: Step, now: datetime) -> float:
    """How much of the step is done, 0 to 1: what it counted, moved on by time to no further than its next count."""
    if step["ended"]:
        return 1.0
    if not step["started"]:
        return 0.0
    total = max(step["total"], 1)
    counted = min(step["done"] / total, NEARLY)
    if not step["usual"]:
        return counted
    by_time = elapsed(step, now) / step["usual"]
    return max(counted, min(by_time, (min(step["done"], total - 1) + NEARLY) / total, NEARLY))


def percent(steps: list[Step], now: datetime) -> float | None:
    """Per cent done, each step weighted by its usual length; None when one that has not ended has no history."""
    if not steps or any(step["usual"] is None for step in steps if not step["ended"]):
        return None
    # A step that takes no time still counts for something.
    weights = [max(elapsed(step, now) if step["usual"] is None else step["usual"], 0.001) for step in steps]
    done = sum(weight * fraction(step, now) for weight, step in zip(weights, steps, strict=True))
    return min(100.0 * done / sum(weights), HIGHEST_SHOWN)


def remaining(steps: list[Step], now: datetime) -> float | None:
    """Seconds until the run usually ends from here; None without history, and when it is overdue."""
    if not steps or any(step["tail"] is None for step in steps if not step["ended"]):
        return None
    running = [step for step in steps if step["started"] and not step["ended"]]
    if running:
        left = max(max(step["usual"] - elapsed(step, now), 0.0) + step["tail"] for step in running)
    elif any(not step["started"] for step in steps):
        first = next(step for step in steps if not step["started"])
        left = first["usual"] + first["tail"]
    else:
        last = max(steps, key=lambda step: step["ended"])
        if last["tail"] is None:
            return None
        left = last["tail"] - (now - datetime.fromisoformat(last["ended"])).total_seconds()
    return left if left > 0 else None
