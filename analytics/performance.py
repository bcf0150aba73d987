"""The tab of performance: how Hub itself does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from analytics import load, pictures, sampling
from analytics.asked import Asked
from analytics.overview import Tile
from analytics.ranges import Range
from analytics.readings import Named, Seen, over, side_by_side, together
from events.charts import BYTES, PERCENT, SECONDS, Series, line, plain
from events.charts.units import seconds, size
from tasks.queue import QueueAway

NAMES = ("request", "queries", "cache", "database", "redis", *load.NAMES)
MOST_VIEWS = 25
# A chart has so many points at most.
POINTS = 62
QUERIES = plain("queries a request")


@dataclass(frozen=True, slots=True)
class View:
    """A view: how many requests it answered, how long these took, and how many queries they made."""

    name: str
    count: str
    p50: str
    p95: str
    queries: str
    most: str


def figures(asked: Asked) -> dict[str, Any]:
    """The context of `analytics/_performance.html`."""
    found, steps = over(asked.range, NAMES), len(asked.range.starts)
    times = side_by_side((many for (name, _), many in found.items() if name == "request"), steps)
    asks = side_by_side((many for (name, _), many in found.items() if name == "queries"), steps)
    one = {name: found.get((name, ""), [Seen() for _ in range(steps)]) for name in NAMES}
    hits, misses = (found.get(("cache", kind), [Seen() for _ in range(steps)]) for kind in ("hit", "miss"))
    return {
        "tiles": _tiles(together(times), together(asks), together(hits).count, together(misses).count),
        "charts": [
            _chart("requests", "How long requests took", asked.range, SECONDS, {
                "p50": [each.percentile(0.5) for each in times], "p95": [each.percentile(0.95) for each in times]}),
            _chart("queries", "Queries a request", asked.range, QUERIES, {
                "Queries, mean": [each.mean for each in asks]}),
            _chart("hits", "Answers that the cache knew", asked.range, PERCENT, {
                "Hit rate": [_share(hit.count, hit.count + miss.count)
                             for hit, miss in zip(hits, misses, strict=True)]}),
            *load.charts(asked.range, found),
            _chart("sizes", "Sizes", asked.range, BYTES, {
                "Database": [each.mean for each in one["database"]], "Redis": [each.mean for each in one["redis"]]}),
        ],
        "views": _views(found),
    }


def sizes() -> list[Tile]:
    """How large database and Redis are just now."""
    try:
        redis = Tile("Redis", size(sampling.redis_size()), "in memory, just now")
    except QueueAway:
        redis = Tile("Redis", "–", "does not answer", "warning")
    return [Tile("Database", size(sampling.database_size()), "just now"), redis]


def _tiles(times: Seen, asks: Seen, hits: int, misses: int) -> list[Tile]:
    share = _share(hits, hits + misses)
    return [
        Tile("Requests", f"{times.count:,}", "in this range"),
        Tile("Request p50", _seconds(times.percentile(0.5)), "half take no longer"),
        Tile("Request p95", _seconds(times.percentile(0.95)), "of a hundred, 95 take no longer"),
        Tile("Queries a request", "–" if asks.mean is None else f"{asks.mean:.1f}", f"{asks.high:.0f} at most"),
        Tile("Cache hit rate", "–" if share is None else PERCENT.show(share), f"of {hits + misses:,} answers"),
    ]


def _chart(key: str, title: str, asked: Range, unit: Any, series: dict[str, list[float | None]]) -> Any:
    chosen = [Series(name, values, str(place)) for place, (name, values) in enumerate(series.items(), 1)]
    return line(key, asked.times, chosen, unit, title).figure(title, pictures.note(asked))


def _views(found: dict[Named, list[Seen]]) -> list[View]:
    totals = {key: together(many) for (name, key), many in found.items() if name == "request"}
    rows = []
    for key, total in sorted(totals.items(), key=lambda item: -item[1].total)[:MOST_VIEWS]:
        asks = together(found.get(("queries", key), []))
        rows.append(View(key, f"{total.count:,}", _seconds(total.percentile(0.5)), _seconds(total.percentile(0.95)),
                         "–" if asks.mean is None else f"{asks.mean:.1f}", f"{asks.high:.0f}"))
    return rows


def _share(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole else None


def _seconds(value: float | None) -> str:
    return "–" if value is None else seconds(value)
