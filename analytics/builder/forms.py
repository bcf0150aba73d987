"""What the page of a report offers."""

from __future__ import annotations

import importlib.util
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict

from analytics.builder.datasets import BYTES, SECONDS, TIME, DataSet, datasets
from analytics.builder.definition import BUCKETS, SUMS, Definition
from analytics.builder.percentiles import MEASURES as PERCENTILES

# Reports to begin with: a name, and the address.
STARTS = (
    ("Failures by job, last 30 days",
     "dataset=tasks&since=30d&group=job&measure=count,failure_rate,avg:run&sort=-count"),
    ("Run p50 and p95 a day, last 30 days",
     "dataset=tasks&since=30d&group=finished_at:day&measure=p50:run,p95:run,count"),
    ("Attempts that died, by worker", "dataset=attempts&since=90d&q=&group=worker,outcome&measure=count"),
    ("Who did what, last 7 days", "dataset=events&since=7d&group=actor,origin&measure=count"),
    ("All projects", "dataset=projects"),
)
ROOM = 3


def formats() -> list[str]:
    """Those that this Hub can write."""
    return ["csv", "json", *(["parquet"] if importlib.util.find_spec("pyarrow") else [])]


def settled(given: QueryDict) -> QueryDict:
    """What a form says. Its fields are those of the data set `of`; where another one was chosen, they are left out."""
    of = given.get("of", "")
    if not of or of == given.get("dataset", ""):
        return given
    return QueryDict(urlencode({"dataset": given.get("dataset", "")}))


def choices(given: QueryDict, made: Definition | None) -> dict[str, Any]:
    """All that can be chosen, with what is; what is typed stays, also where it cannot be understood."""
    dataset = made.dataset if made else datasets().get(given.get("dataset", ""), datasets()["tasks"])
    groups = [one.name for one in made.groups] if made else []
    picked = [one.name for one in made.measures] if made else []
    fields = [one.name for one in made.fields] if made else list(dataset.usual)
    return {
        "dataset": dataset, "datasets": datasets().values(),
        "typed": {name: given.get(name, "") for name in ("q", "since", "until", "sort")},
        "fields": [(one, one.name in fields) for one in dataset.columns],
        "groups": [(place, (groups + [""] * ROOM)[place - 1]) for place in range(1, ROOM + 1)],
        "groupings": _groupings(dataset),
        "measures": [(name, label, name in picked) for name, label in _measures(dataset)],
        "heads": [(one.name, one.label) for one in made.heads] if made else [],
        "chart_kind": made.chart if made else "auto",
    }


def _groupings(dataset: DataSet) -> list[tuple[str, str]]:
    found = []
    for one in dataset.groups:
        if one.kind == TIME:
            found += [(f"{one.name}:{bucket}", f"{one.label}, by {bucket}") for bucket in BUCKETS]
        else:
            found.append((one.name, one.label))
    return found


def _measures(dataset: DataSet) -> list[tuple[str, str]]:
    found = [("count", "Count")]
    if dataset.failed is not None:
        found.append(("failure_rate", "Failure rate"))
    for one in dataset.numbers:
        # Each number has them; offered are those of lengths and sizes, or there would be a hundred.
        offered = SUMS if one.kind in (SECONDS, BYTES) else SUMS.keys() - PERCENTILES.keys()
        found += [(f"{how}:{one.name}", f"{word} {one.label.lower()}") for how, (_, word) in SUMS.items()
                  if how in offered]
    return found
