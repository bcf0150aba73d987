"""Which lanes there are, and the queues they are made of. No Django and no RQ here: the settings read it too."""

from __future__ import annotations

from collections.abc import Iterable

# The order decides between tasks of the same priority when one worker serves several lanes.
LANES = ("stacks", "default", "metrics", "reports")
LOWEST, HIGHEST = 1, 10
# Where a task stands that has waited too long: before those of the highest priority.
OVERDUE = HIGHEST + 1
PREFIX = "hub:"


def queue_name(lane: str, rank: int, node: str = "") -> str:
    """The RQ queue of a lane and rank: a task's priority, and what it has gained by waiting. With a node, the one that
    only workers of that node listen to."""
    return f"{PREFIX}{lane}:{rank}@{node}" if node else f"{PREFIX}{lane}:{rank}"


def lane_of(queue: str) -> str:
    """The lane that a queue is part of."""
    return queue.removeprefix(PREFIX).rpartition(":")[0]


def queue_names(lanes: Iterable[str] = LANES, nodes: Iterable[str] = ()) -> list[str]:
    """The queues of these lanes in the order in which a worker empties them: highest rank first, and of one rank what
    only a worker of these nodes may take before what every worker may."""
    chosen, places = set(lanes), [*nodes, ""]
    return [
        queue_name(lane, rank, node)
        for rank in range(OVERDUE, LOWEST - 1, -1) for lane in LANES if lane in chosen for node in places
    ]
