"""Why an attempt ended badly, as the page of its task tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.models import Attempt, LogLine, Task

LAST_LINES = 5


@dataclass(frozen=True, slots=True)
class Death:
    """How the process of an attempt ended: `how` is its signal or exit code, `memory` what it had used at most
    (empty where nobody saw it), `step` the one it was at, `lines` the last that it said, oldest first."""

    number: int
    how: str
    memory: str
    step: str
    lines: list[LogLine]


def death_of(task: Task, attempts: Sequence[Attempt]) -> Death | None:
    """The death of the newest attempt that has ended, of these attempts (newest first); None when its process lived."""
    ended = next((attempt for attempt in attempts if attempt.ended_at is not None), None)
    if ended is None or not (ended.signal or ended.exit_code or ended.outcome == Attempt.Outcome.DIED):
        return None
    how = ended.signal or ("its process was gone" if ended.exit_code is None else f"exit code {ended.exit_code}")
    lines = list(task.log_lines.filter(attempt=ended.number).order_by("-id")[:LAST_LINES])[::-1]
    # A newer attempt has steps of its own.
    step = task.step if ended.number == task.attempt else ""
    memory = "" if ended.memory is None else f"{ended.memory / 2**20:,.0f} MB at most"
    return Death(ended.number, how, memory, step, lines)
