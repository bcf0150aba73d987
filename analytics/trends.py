"""The tab of trends: any measure of any tasks, beside the period before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from analytics import pictures
from analytics.asked import Asked
from analytics.measures import MEASURES
from analytics.models import Series
from analytics.overview import change
from analytics.queries import EVERYTHING, Slice, together, trend
from tasks.shapes import PROJECT_SUBJECT
from tasks.subjects import look_up

DIMENSIONS = ("job", "lane", "project", "worker", "priority")
USUAL = "run_p95"
# So many keys of a dimension can be chosen from.
MOST_KEYS = 300


@dataclass(frozen=True, slots=True)
class Wish:
    """Which measure, and of which tasks. What there is no such of is left out."""

    measure: str
    of: Slice

    @classmethod
    def read(cls, query: QueryDict) -> Wish:
        """From `?measure=&of=job:mail.send`."""
        measure = query.get("measure", "")
        dimension, _, key = query.get("of", "").partition(":")
        return cls(measure if measure in MEASURES else USUAL,
                   Slice(dimension, key[:210]) if dimension in DIMENSIONS and key else EVERYTHING)

    @property
    def chosen(self) -> list[str]:
        """Which tasks, as plain values."""
        return [self.of.dimension, self.of.key]

    @property
    def kept(self) -> dict[str, str]:
        """What the addresses of other ranges have to repeat."""
        return {"measure": self.measure, "of": "" if self.of == EVERYTHING else ":".join(self.chosen)}


def figures(asked: Asked, wish: Wish) -> dict[str, Any]:
    """The context of `analytics/_trends.html`."""
    measure = MEASURES[wish.measure]
    spreads = [measure.spread] if measure.spread else []
    totals, earlier = trend(asked.range, wish.of, spreads), trend(asked.range.before, wish.of, spreads)
    now, before = together(totals), together(earlier)
    return {
        "chart": pictures.compared("trend", measure, asked.range, totals, earlier, wish.of),
        "now": pictures.shown(measure.unit, measure.of(now)),
        "before": pictures.shown(measure.unit, measure.of(before)),
        "change": change(measure.name, now, before), "measure": measure, "count": now.all.count,
        "tasks": pictures.tasks_of(wish.of, asked.range),
    }


def choices(wish: Wish) -> dict[str, Any]:
    """What the form offers: measures, and by dimension the keys that there are, as (value, label, whether chosen)."""
    keys: dict[str, set[str]] = {name: set() for name in DIMENSIONS}
    known = Series.objects.filter(dimension__in=DIMENSIONS).exclude(key="").order_by("-version")
    for dimension, key in known.values_list("dimension", "key")[: MOST_KEYS * 2]:
        keys[dimension].add(key)
    if wish.of != EVERYTHING:
        keys[wish.of.dimension].add(wish.of.key)
    names = look_up(f"{PROJECT_SUBJECT}{key}" for key in keys["project"])
    chosen = ":".join(wish.chosen)
    groups = []
    for dimension, found in keys.items():
        said = {key: names[f"{PROJECT_SUBJECT}{key}"].name if dimension == "project" else key for key in found}
        in_order = sorted(found, key=int if dimension == "priority" else said.get)
        options = [(f"{dimension}:{key}", said[key], f"{dimension}:{key}" == chosen) for key in in_order]
        if options:
            groups.append((Series.Dimension(dimension).label, options))
    return {"measures": [(one.name, one.label, one.name == wish.measure) for one in MEASURES.values()],
            "groups": groups}
