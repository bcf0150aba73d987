"""What a report is: read from an address, which is the whole of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Avg, Count, ExpressionWrapper, FloatField, Max, Min, Sum, Value
from django.db.models.functions import NullIf, TruncDay, TruncHour, TruncMonth, TruncWeek
from django.http import QueryDict

from analytics.builder.datasets import NUMBER, TIME, Column, DataSet, datasets
from analytics.builder.errors import BadReport
from analytics.builder.percentiles import MEASURES as PERCENTILES
from events.context import current
from events.moments import BadMoment, period

MOST_FIELDS, MOST_GROUPS, MOST_MEASURES = 40, 3, 6
LONGEST = 2000
BUCKETS = {"hour": TruncHour, "day": TruncDay, "week": TruncWeek, "month": TruncMonth}
SUMS = {"avg": (Avg, "Mean"), "min": (Min, "Least"), "max": (Max, "Most"), "sum": (Sum, "Sum"), **PERCENTILES}
CHARTS = ("auto", "none")
PARTS = ("dataset", "fields", "q", "since", "until", "group", "measure", "sort", "chart")


@dataclass(frozen=True, slots=True)
class Group:
    """By what rows are counted together: a field, or a time in steps of a `bucket`."""

    column: Column
    bucket: str = ""

    @property
    def name(self) -> str:
        return f"{self.column.name}:{self.bucket}" if self.bucket else self.column.name

    @property
    def label(self) -> str:
        return f"{self.column.label}, by {self.bucket}" if self.bucket else self.column.label

    @property
    def expression(self) -> Any:
        inner = self.column.expression
        return BUCKETS[self.bucket](inner, tzinfo=UTC) if self.bucket else inner

    @property
    def plain_all(self) -> Callable[[Iterable[Any]], Sequence[Any]]:
        return self.column.plain_all


@dataclass(frozen=True, slots=True)
class Measured:
    """What is said of each group. `kind` is that of its values, `micro` as in Column."""

    name: str
    label: str
    expression: Any
    kind: str = NUMBER
    micro: bool = False
    wide: bool = False

    def plain(self, value: Any) -> Any:
        if value is None:
            return None
        return value / 1_000_000 if self.micro else float(value) if not isinstance(value, int) else value

    def plain_all(self, values: Iterable[Any]) -> Sequence[Any]:
        return [self.plain(value) for value in values]


@dataclass(frozen=True, slots=True)
class Definition:
    """A report. With groups or measures its rows are groups, else they are the data set's own with these fields."""

    dataset: DataSet
    fields: Sequence[Column]
    groups: Sequence[Group]
    measures: Sequence[Measured]
    q: str = ""
    since: str = ""
    until: str = ""
    first: datetime | None = None
    last: datetime | None = None
    sort: str = ""
    chart: str = "auto"

    @property
    def is_grouped(self) -> bool:
        return bool(self.groups or self.measures)

    @property
    def heads(self) -> Sequence[Column | Group | Measured]:
        """Its columns, in order."""
        return [*self.groups, *self.measures] if self.is_grouped else self.fields

    @property
    def query(self) -> str:
        """Its address."""
        parts = {"dataset": self.dataset.name, "q": self.q, "since": self.since, "until": self.until,
                 "sort": self.sort, "chart": "" if self.chart == "auto" else self.chart,
                 "group": ",".join(one.name for one in self.groups),
                 "measure": ",".join(one.name for one in self.measures),
                 "fields": "" if self.is_grouped else ",".join(one.name for one in self.fields)}
        return urlencode({name: value for name, value in parts.items() if value})

    @property
    def title(self) -> str:
        """In a line: `Tasks: Count, Mean run by Job`."""
        if not self.is_grouped:
            return self.dataset.label
        by = ", ".join(one.label for one in self.groups)
        return f"{self.dataset.label}: {', '.join(one.label for one in self.measures)}{f' by {by}' if by else ''}"


def read(given: QueryDict) -> Definition:
    """The report of an address. Raises BadReport."""
    too_long = next((name for name in PARTS if len(",".join(given.getlist(name))) > LONGEST), None)
    if too_long:
        raise BadReport(f"It has more than {LONGEST:,} characters.", too_long)
    name = given.get("dataset", "").strip() or "tasks"
    dataset = datasets().get(name)
    if dataset is None:
        raise BadReport(f"There is no data set {name[:40]!r}.", "dataset", f"Use one of {', '.join(datasets())}.")
    groups = [_group(dataset, one) for one in _words(given, "group")]
    measures = [_measured(dataset, one) for one in _words(given, "measure")]
    fields = [_column(dataset, one, "fields") for one in _words(given, "fields") or dataset.usual]
    for what, found, most in (("field", fields, MOST_FIELDS), ("grouping", groups, MOST_GROUPS),
                              ("measure", measures, MOST_MEASURES)):
        if len(found) > most:
            raise BadReport(f"These are {len(found)} {what}s; {most} are the most.",
                            {"field": "fields", "grouping": "group"}.get(what, what))
        if len({one.name for one in found}) < len(found):
            raise BadReport(f"A {what} is there twice.", {"field": "fields", "grouping": "group"}.get(what, what))
    if groups and not measures:
        measures = [_measured(dataset, "count")]
    since, until = given.get("since", "").strip(), given.get("until", "").strip()
    if (since or until) and not dataset.at:
        raise BadReport(f"{dataset.label} have no time to be narrowed by.", "since", "Leave since and until out.")
    try:
        first, last = period(since, until)
    except BadMoment as error:
        raise BadReport(str(error), error.field) from None
    chart = given.get("chart", "").strip() or "auto"
    if chart not in CHARTS:
        raise BadReport(f"There is no chart {chart[:20]!r}.", "chart", f"Use {' or '.join(CHARTS)}.")
    made = Definition(dataset, fields, groups, measures, given.get("q", "").strip(), since, until, first, last,
                      given.get("sort", "").strip(), chart)
    known = [one.name for one in made.heads]
    if made.sort and made.sort.removeprefix("-") not in known:
        raise BadReport(f"It has no column {made.sort.removeprefix('-')[:40]!r} to sort by.", "sort",
                        f"Use one of {', '.join(known)}, with - before it for the largest first.")
    return made


def _words(given: QueryDict, name: str) -> list[str]:
    """Parts with commas between them, or given several times."""
    return [word for text in given.getlist(name) for word in (one.strip() for one in text.split(",")) if word]


def _column(dataset: DataSet, name: str, field: str) -> Column:
    found = dataset.by_name.get(name)
    if found is None:
        raise BadReport(f"{dataset.label} have no field {name[:40]!r}.", field, f"Use {', '.join(dataset.by_name)}.")
    if found.payload and not current().payloads:
        raise BadReport(f"You may not see {found.label.lower()}.", field, "Leave it out.")
    return found


def _group(dataset: DataSet, text: str) -> Group:
    name, _, bucket = text.partition(":")
    column = _column(dataset, name, "group")
    if not column.can_group:
        raise BadReport(f"{column.label} is another one in nearly every row: nothing can be grouped by it.", "group",
                        f"Use {', '.join(one.name for one in dataset.groups)}.")
    if column.kind == TIME and not bucket:
        bucket = "day"
    if bucket and (column.kind != TIME or bucket not in BUCKETS):
        raise BadReport(f"{text[:40]!r} is no grouping.", "group",
                        f"Times are grouped by {', '.join(BUCKETS)}, such as created_at:day.")
    return Group(column, bucket)


def _measured(dataset: DataSet, text: str) -> Measured:
    if text == "count":
        return Measured("count", "Count", Count("pk"))
    if text == "failure_rate" and dataset.failed is not None:
        failed, judged = Count("pk", filter=dataset.failed), Count("pk", filter=dataset.judged)
        # Where none could fail there is no rate.
        rate = ExpressionWrapper(failed * Value(100.0) / NullIf(judged, Value(0)), output_field=FloatField())
        return Measured("failure_rate", "Failure rate", rate)
    how, _, name = text.partition(":")
    if how not in SUMS or not name:
        numbers = [f"{one}:{column.name}" for column in dataset.numbers for one in SUMS]
        known = ["count", *(["failure_rate"] if dataset.failed is not None else []), *numbers]
        raise BadReport(f"There is no measure {text[:40]!r}.", "measure", f"Use {', '.join(known[:30])}.")
    column = _column(dataset, name, "measure")
    if not column.can_measure:
        raise BadReport(f"{column.label} is no number: it has no {how}.", "measure",
                        f"Use {', '.join(one.name for one in dataset.numbers)}.")
    make, word = SUMS[how]
    return Measured(text, f"{word} {column.label.lower()}", make(column.expression), column.kind, column.micro)
