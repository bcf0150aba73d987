"""The first tab: how tasks do, at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analytics import load, pictures
from analytics.asked import Asked
from analytics.measures import MEASURES, SHARES, Total
from analytics.queries import together, trend, whole
from analytics.ranges import at, cover
from events.words import span
from tasks.models import Task
from tasks.queue import QueueAway
from tasks.states import TaskState
from tasks.workers import workers

# A change that is smaller, in per cent, is not told: it is the usual up and down.
WORTH_TELLING = 5


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure; `note` says more of it, `level` (ok, warning, error or nothing) how it is meant."""

    title: str
    value: str
    note: str
    level: str = ""


def figures(asked: Asked, moment: datetime) -> dict[str, Any]:
    """The context of `analytics/_overview.html`."""
    totals = trend(asked.range)
    now = together(totals)
    before = whole(cover(at(asked.range.before.begin), at(asked.range.begin), moment))
    charts = [
        pictures.ended("ended", asked.range, totals),
        pictures.lines("failures", "Failure rate", asked.range, ["failure_rate"], totals),
        *(pictures.lines(kind, title, asked.range, [f"{kind}_p50", f"{kind}_p95", f"{kind}_p99"], totals,
                         names=["p50: half take no longer", "p95", "p99"])
          for kind, title in (("run", "How long tasks ran"), ("wait", "How long tasks waited"))),
        *load.read(asked.range),
    ]
    return {"tiles": _tiles(now, before), "charts": charts, "count": now.all.count}


def live(now: datetime) -> list[Tile]:
    """What is so just now, whatever range is asked for."""
    queued = Task.objects.filter(state=TaskState.QUEUED, queued_at__isnull=False)
    oldest = queued.order_by("queued_at").values_list("queued_at", flat=True).first()
    waits = Tile("Oldest waiting", span((now - oldest).total_seconds()) if oldest else "–",
                 "since it could run" if oldest else "nothing waits")
    try:
        found = workers()
    except QueueAway:
        return [waits, Tile("Workers at work", "–", "Redis does not answer", "warning")]
    busy = sum(1 for one in found if one.task)
    share = f"{round(100 * busy / len(found))} % just now" if found else "nobody works"
    return [waits, Tile("Workers at work", f"{busy} of {len(found)}", share, "" if found else "error")]


def change(name: str, now: Total, before: Total) -> str:
    """How a measure has changed from one period to the next, in words; empty where there is nothing to compare."""
    measure = MEASURES[name]
    new, old = measure.of(now), measure.of(before)
    if new is None or not old:
        return "" if new is None else "none before" if old is None else ""
    by = 100 * (new - old) / old
    if abs(by) < WORTH_TELLING:
        return "as before"
    return f"{abs(by):,.0f} % {'more' if by > 0 else 'less'} than before" if abs(by) < 1000 else \
        f"{new / old:,.0f} times as much as before"


def _tiles(now: Total, before: Total) -> list[Tile]:
    def said(name: str) -> str:
        return pictures.shown(MEASURES[name].unit, MEASURES[name].of(now))

    tiles = [
        Tile("Completed", said("count"), change("count", now, before) or "in this range"),
        Tile("Failure rate", said("failure_rate"), f"{now.states.get('failed', 0):,} failed"),
        # The unit stands below: a large figure and a word beside it are wider than a tile of a phone.
        Tile("Throughput", said("throughput").removesuffix(" an hour"),
             f"an hour, {change('throughput', now, before) or 'on average'}"),
    ]
    for kind, word in (("run", "Run"), ("wait", "Wait")):
        for share in SHARES:
            if share != "p75":
                name = f"{kind}_{share}"
                tiles.append(Tile(f"{word} {share}", said(name), change(name, now, before)))
    return tiles
