"""The numbers of workers as pages show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tasks.crews.actions import LONGEST_REASON, crews, sentence
from tasks.crews.models import MOST


@dataclass(frozen=True, slots=True)
class CrewRow:
    """The workers of one `up`. `typed` and `reason_typed` are what stands in its form; `problem` is about `bad`."""

    node: str
    line: str
    note: str
    why: str
    decided_at: datetime | None
    is_fixed: bool
    typed: str
    reason_typed: str
    problem: str
    bad: str


def crew_context(typed: dict[str, str] | None = None, problem: str = "", bad: str = "") -> dict[str, Any]:
    """What `tasks/crews/_panel.html` reads; `typed` is what a refused form held, for its `node`."""
    rows = []
    for one in crews():
        mine = typed if typed is not None and typed["node"] == one.node else None
        rows.append(CrewRow(
            one.node, sentence(one), one.note if one.fixed is not None else "", one.reason, one.decided_at,
            one.fixed is not None, mine["workers"] if mine else str(one.fixed or one.wanted),
            mine["reason"] if mine else "", problem if mine else "", bad if mine else "",
        ))  # fmt: skip
    return {"crews": rows, "most_workers": MOST, "longest_reason": LONGEST_REASON}
