"""Parameters of jobs, as people and scripts give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.errors import BadTask


def check_names(params: Mapping[str, Any], *names: str) -> None:
    """Raises BadTask for a parameter whose name is none of `names`."""
    others = sorted(set(params) - set(names))
    if others:
        raise BadTask(f"There is no parameter {others[0][:40]!r}: use {', '.join(sorted(names))}.", "params")
