"""Which lanes there are, and the queues they are made of. No Django and no RQ here: the settings read it too."""

from __future__ import annotations

from collections.abc import Iterable

# The order decides between tasks of the same priority when one worker serves several lanes.
LANES = ("stacks", "default", "metrics", "reports")
LOWEST, HIGHEST = 1, 10
PREFIX = "hub:"


def queue_name(lane: str, priority: int) -> str:
    """The RQ queue of a lane and priority."""
    return f"{PREFIX}{lane}:{priority}"


def queue_names(lanes: Iterable[str] = LANES) -> list[str]:
    """The queues of these lanes in the order in which a worker empties them: highest priority first."""
    lanes = [lane for lane in LANES if lane in set(lanes)]
    return [queue_name(lane, priority) for priority in range(HIGHEST, LOWEST - 1, -1) for lane in lanes]
