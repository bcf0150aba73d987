"""The rows of a report, read as they are asked for: no report is held in memory."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import F, Q, QuerySet, TextField
from django.db.models.functions import Cast

from analytics.builder.datasets import ID, JSON, NUMBERS, TIME, Column, DataSet
from analytics.builder.definition import Definition
from analytics.builder.errors import BadReport
from events.subjects import BadSubject
from tasks.search.errors import BadQuery

# So many rows are read at a time.
CHUNK = 2000
# Beyond these, whole numbers are no longer exact.
LARGEST = 2.0**53
# So many groups are told; the sum of the others is not.
MOST_GROUPS_TOLD = 10_000


# Some rows of a report as columns, in the order of its heads, each with as many plain values: what is done to a column
# at once takes a third of the time that it takes row by row.
Part = Sequence[Sequence[Any]]


def rows(report: Definition, most: int | None = None) -> Iterator[list[Any]]:
    """Its rows, as plain values in the order of its heads. Raises BadReport at once, not when the first is read."""
    found = parts(report, most)
    return (list(row) for part in found for row in zip(*part, strict=True))


def parts(report: Definition, most: int | None = None) -> Iterator[Part]:
    """The same, some thousand rows at a time; no part is empty. Raises BadReport at once."""
    found = _grouped(report) if report.is_grouped else _listed(report)
    if report.is_grouped and not report.groups:
        return iter([[[one.plain(found[f"m{place}"])] for place, one in enumerate(report.measures)]])
    limit = min(most or MOST_GROUPS_TOLD, MOST_GROUPS_TOLD) if report.is_grouped else most
    return _read(report, found[:limit] if limit else found)


def check(report: Definition) -> None:
    """Raises BadReport for a filter that cannot be, without asking the database for a row."""
    _narrowed(report)


def total(report: Definition) -> int | None:
    """How many rows it has, where that is quickly counted: not of groups."""
    return None if report.is_grouped else _narrowed(report).count()


def _read(report: Definition, found: QuerySet) -> Iterator[Part]:
    plain, read = [head.plain_all for head in report.heads], found.iterator(chunk_size=CHUNK)
    while some := list(islice(read, CHUNK)):
        yield [make(values) for make, values in zip(plain, zip(*some, strict=True), strict=True)]


def _narrowed(report: Definition) -> QuerySet:
    dataset = report.dataset
    found = dataset.rows().order_by()
    if report.first is not None:
        found = found.filter(**{f"{dataset.at}__gte": report.first})
    if report.last is not None:
        found = found.filter(**{f"{dataset.at}__lte": report.last})
    if not report.q:
        return found
    try:
        return dataset.search(found, report.q) if dataset.search else _by_fields(dataset, found, report.q)
    except (BadQuery, BadSubject) as error:
        raise BadReport(str(error), "q") from None


def _listed(report: Definition) -> QuerySet:
    descending, name = report.sort.startswith("-"), report.sort.removeprefix("-")
    found = _narrowed(report)
    if name:
        key = report.dataset.by_name[name].expression
        found = found.order_by(key.desc(nulls_last=True) if descending else key.asc(nulls_last=True), "pk")
    else:
        found = found.order_by(report.dataset.order)
    return found.values_list(*(_cheap(one) for one in report.fields))


def _cheap(column: Column) -> Any:
    """Times and ids as SQLite has them: to read and write them takes longer than all the rest of a row."""
    if column.kind in (TIME, ID) and connection.vendor == "sqlite":
        return Cast(column.expression, TextField())
    return column.expression


def _grouped(report: Definition) -> QuerySet | dict[str, Any]:
    groups = {f"g{place}": one.expression for place, one in enumerate(report.groups)}
    measures = {f"m{place}": one.expression for place, one in enumerate(report.measures)}
    found = _narrowed(report)
    if not groups:
        return found.aggregate(**measures)
    names = {one.name: key for one, key in zip(report.heads, [*groups, *measures], strict=True)}
    found = found.values(**groups).annotate(**measures)
    name = report.sort.removeprefix("-")
    if name:
        key = F(names[name])
        first = key.desc(nulls_last=True) if report.sort.startswith("-") else key.asc(nulls_last=True)
        found = found.order_by(first, *groups)
    elif report.groups[0].bucket:
        found = found.order_by(*groups)
    else:
        found = found.order_by("-m0", *groups)
    return found.values_list(*groups, *measures)


def _by_fields(dataset: DataSet, found: QuerySet, text: str) -> QuerySet:
    """`field:value` parted by spaces: all must be met. A value may be several with commas between, end with `*`, and
    stand in quotation marks."""
    try:
        words = shlex.split(text)
    except ValueError:
        raise BadReport("A quotation mark is not closed.", "q") from None
    for place, word in enumerate(words):
        name, colon, value = word.partition(":")
        column = dataset.by_name.get(name)
        if not colon or column is None or column.kind in (JSON, TIME) or not value:
            fields = ", ".join(f"{one.name}:" for one in dataset.columns if one.kind not in (JSON, TIME))
            raise BadReport(f"{word[:60]!r} is no filter.", "q", f"Use field:value with one of {fields}.")
        found = found.annotate(**{f"f{place}": column.expression}).filter(_any_of(f"f{place}", column.kind, value))
    return found


def _number(text: str) -> float:
    """A number that a database can compare with. Raises BadReport."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) < LARGEST:
        raise BadReport(f"{text[:40]!r} is no number, or too large.", "q")
    return value


def _any_of(name: str, kind: str, value: str) -> Q:
    condition = Q()
    for one in value.split(","):
        if kind in NUMBERS:
            condition |= Q(**{name: _number(one)})
        elif one.endswith("*"):
            condition |= Q(**{f"{name}__istartswith": one[:-1]})
        else:
            condition |= Q(**{f"{name}__iexact": one})
    return condition
