"""Jobs and projects beside the period before: who got slower."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from analytics.facts import SEPARATOR
from analytics.measures import MEASURES, Total, lengths
from analytics.models import Series
from analytics.pictures import query_of, shown
from analytics.queries import Slice, breakdown
from analytics.ranges import Range, at, cover, ended_in, tasks_url
from tasks.shapes import PROJECT_SUBJECT
from tasks.subjects import look_up

# Fewer runs than this, in either period, say nothing about how long they take.
FEWEST = 5
# Whose median is so many times what it was got slower, or quicker.
SLOWER, QUICKER = 1.15, 0.85
MOST, MOST_SLOWER = 50, 6


@dataclass(frozen=True, slots=True)
class Row:
    """A job or a project, in a range and the one before. Lengths are in words; `ratio` is that of the medians of how
    long it ran, None where there is nothing to compare. `url` shows more, `tasks` lists what was counted."""

    key: str
    name: str
    url: str
    tasks: str
    count: str
    failure_rate: str
    failing: bool
    p50: str
    p95: str
    before: str
    ratio: float | None

    @property
    def change(self) -> str:
        """How its median has changed, in words."""
        if self.ratio is None:
            return "–"
        if QUICKER < self.ratio < SLOWER:
            return "as before"
        if self.ratio >= 10:
            return f"{self.ratio:,.0f} × as long"
        return f"{abs(self.ratio - 1) * 100:.0f} % {'slower' if self.ratio > 1 else 'quicker'}"

    @property
    def level(self) -> str:
        """warning where it got slower, ok where it got quicker."""
        if self.ratio is None or QUICKER < self.ratio < SLOWER:
            return ""
        return "warning" if self.ratio >= SLOWER else "ok"


def rows(asked: Range, dimension: str, now: datetime, prefix: str = "", suffix: str = "") -> tuple[list[Row], int]:
    """Everything in a dimension (job, project, operation), most tasks first, and how many there are. `prefix`: of
    operations those of that project; `suffix`: those of that job."""
    keys = None
    if dimension == "operation":
        keys = _operations(prefix, suffix)
    totals, number = breakdown(cover(at(asked.begin), at(asked.end), now), dimension, keys, most=MOST)
    before, _ = breakdown(cover(at(asked.before.begin), at(asked.begin), now), dimension, list(totals), ["run"],
                          most=len(totals))
    names = _names(dimension, totals, by_project=bool(suffix))
    return [_row(key, names.get(key, key), totals[key], before.get(key), dimension, asked) for key in totals], number


def slower(found: Iterable[Row]) -> list[Row]:
    """Those that got slower, most so first."""
    worse = [row for row in found if row.ratio is not None and row.ratio >= SLOWER]
    return sorted(worse, key=lambda row: -row.ratio)[:MOST_SLOWER]


def ratio(now: Total, before: Total | None) -> float | None:
    """The median run of one period in parts of that of another."""
    if before is None or now.all.ran < FEWEST or before.all.ran < FEWEST:
        return None
    new, old = lengths(now, "run")["p50"], lengths(before, "run")["p50"]
    return new / old if new is not None and old else None


def page_of(dimension: str, key: str) -> str:
    """The address of what is told of a job or a project; empty where there is none."""
    if not key:
        return ""
    if dimension == "operation":
        project, _, job = key.partition(SEPARATOR)
        return f"/analytics/projects/{project}/?job={quote(job)}"
    return f"/analytics/{dimension}s/{quote(key, safe='')}/"


def _row(key: str, name: str, total: Total, before: Total | None, dimension: str, asked: Range) -> Row:
    run, rate = lengths(total, "run"), MEASURES["failure_rate"]
    unit = MEASURES["run_p50"].unit
    old = lengths(before, "run")["p50"] if before is not None else None
    which = f"{query_of(Slice(dimension, key))} {ended_in(asked.begin, asked.end)}".strip()
    failing = rate.of(total)
    return Row(key, name, page_of(dimension, key), tasks_url(which), f"{total.all.count:,}", shown(rate.unit, failing),
               failing is not None and failing >= 10, shown(unit, run["p50"]), shown(unit, run["p95"]),
               shown(unit, old), ratio(total, before))


def _operations(project: str, job: str) -> list[str]:
    """The keys of the operations on a project, or of a job."""
    known = Series.objects.filter(dimension="operation")
    known = known.filter(key__startswith=f"{project}{SEPARATOR}") if project else known.filter(
        key__endswith=f"{SEPARATOR}{job}")
    return sorted(set(known.values_list("key", flat=True)))


def _names(dimension: str, keys: Iterable[str], *, by_project: bool) -> dict[str, str]:
    if dimension == "job":
        return {}
    if dimension == "operation" and not by_project:
        return {key: key.partition(SEPARATOR)[2] for key in keys}
    numbers = {key: key.partition(SEPARATOR)[0] for key in keys}
    subjects = look_up(f"{PROJECT_SUBJECT}{number}" for number in numbers.values() if number)
    return {key: subjects[f"{PROJECT_SUBJECT}{number}"].name if number else "About no project"
            for key, number in numbers.items()}
