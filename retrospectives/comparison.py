"""Two reports of one team side by side."""

from __future__ import annotations

from typing import Any

from retrospectives.metrics import EVERY, LOWER, NEITHER
from retrospectives.models import Report


def compared(old: Report, new: Report) -> list[dict[str, Any]]:
    """For each metric that either report knows: its mean then and now, the change, and whether that is better."""
    means = [{one["metric"]: _mean(one["values"]) for one in report.content["trends"]} for report in (old, new)]
    rows = []
    for key, metric in EVERY.items():
        before, after = means[0].get(key), means[1].get(key)
        if before is None and after is None:
            continue
        change = None if before is None or after is None else after - before
        better = None
        if change and metric.better != NEITHER:
            better = (change < 0) == (metric.better == LOWER)
        rows.append({
            "label": metric.label, "before": "–" if before is None else metric.say(before),
            "after": "–" if after is None else metric.say(after), "better": better,
            "change": "–" if change is None else ("+" if change > 0 else "") + metric.say(change),
        })
    return rows


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
