"""The charts of a report, from what it keeps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils.safestring import SafeString

from events.charts import Series, control, plain
from retrospectives.metrics import EVERY

FIRST = 4
"""So many charts stand open; the others can be unfolded."""


def charts(content: dict[str, Any]) -> tuple[list[tuple[str, SafeString]], list[tuple[str, SafeString]]]:
    """Each metric's key and figure: first those that the hypotheses rest on or that signal, then the others."""
    led = [each["metric"] for one in content["hypotheses"] for each in one["evidence"]]
    trends = {one["metric"]: one for one in content["trends"]}
    signalling = [key for key, one in trends.items() if one.get("signals")]
    usual = ("kept_share", "items_carried_over", "review_time", "team_happiness")
    first = [key for key in _once([*led, *signalling, *usual]) if key in trends][:FIRST]
    names = [one["name"] for one in content["sprints"]]
    return ([(key, figure(names, trends[key])) for key in first],
            [(key, figure(names, one)) for key, one in trends.items() if key not in first])


def figure(names: list[str], trend: dict[str, Any]) -> SafeString:
    """One metric over the sprints, with its natural limits and the points that tell of more than chance."""
    metric, limits = EVERY[trend["metric"]], trend.get("limits")
    chart = control(
        f"m-{metric.key}", names, Series(metric.label, trend["values"]), plain(metric.unit, f" {metric.unit}".rstrip()),
        limits=(limits["lower"], limits["mean"], limits["upper"]) if limits else None,
        outs=[*trend.get("signals", ()), *trend["outliers"]], first="Sprint",
    )  # fmt: skip
    return chart.figure(metric.label, _note(trend))


def _note(trend: dict[str, Any]) -> str:
    if not trend.get("limits"):
        known = sum(value is not None for value in trend["values"])
        return f"{known} value{'s' * (known != 1)}: too few for limits."
    if trend.get("signals") or trend["outliers"]:
        return "Red points tell of more than the usual up and down."
    return "Within its limits: the usual up and down."


def _once(keys: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(keys))
