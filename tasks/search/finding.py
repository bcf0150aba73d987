"""The tasks that a query finds: a part of them, and how many there are."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db.models import QuerySet

from events.keyset import DEFAULT_LIMIT, Part, cut, last_of
from events.keyset import take as take_rows
from tasks.models import Task
from tasks.search import matching
from tasks.search.query import Query

# Among so many that the columns leave, the words are looked up first: often that is enough, or these are all.
FEW = 1000
# Matches that are looked at together when columns are to be met too, at first and at most.
AT_FIRST, AT_MOST = 200, 5000
MOST_COUNTED = 500_000


@dataclass(frozen=True, slots=True)
class Count:
    """How many there are; `more`: at least so many, counting stopped there."""

    number: int
    more: bool

    def __str__(self) -> str:
        return f"{self.number // 1000}k+" if self.more and self.number >= 1000 else f"{self.number:,}"


def take(tasks: QuerySet[Task], query: Query, *, limit: int = DEFAULT_LIMIT, cursor: str = "",
         ascending: bool = False) -> Part:
    """A part of these tasks that the query finds, newest first unless `ascending`. Raises BadCursor."""
    if not query.text:
        if not query.where:
            return take_rows(tasks, limit=limit, cursor=cursor, ascending=ascending)
        # The ids first: an index may know these, and sorts them without a look at the tasks.
        last, order = last_of(Task, cursor, ascending), "pk" if ascending else "-pk"
        beyond = tasks.filter(query.where) if last is None else tasks.filter(
            query.where, **{"pk__gt" if ascending else "pk__lt": last})
        keys = list(beyond.order_by(order).values_list("pk", flat=True)[: limit + 1])
        return cut(Task, list(tasks.filter(pk__in=keys).order_by(order)), limit, ascending)
    last = last_of(Task, cursor, ascending)
    return cut(Task, _found(tasks.filter(query.where), query.text, last, ascending, limit + 1), limit, ascending)


def all_of(tasks: QuerySet[Task], query: Query) -> QuerySet[Task]:
    """All of these tasks that the query finds, in no order."""
    found = tasks.filter(query.where)
    return found.filter(matching.matches(query.text)) if query.text else found


def count(tasks: QuerySet[Task], query: Query, most: int = MOST_COUNTED) -> Count:
    """How many there are, counted up to `most`."""
    number = all_of(tasks, query).order_by().values("pk")[: most + 1].count()
    return Count(min(number, most), number > most)


def _found(tasks: QuerySet[Task], text: str, last: uuid.UUID | None, ascending: bool, count: int) -> list[Task]:
    order, dialect = "pk" if ascending else "-pk", matching.dialect()
    filtered, found = bool(tasks.query.where), []
    if filtered:
        beyond = tasks if last is None else tasks.filter(**{"pk__gt" if ascending else "pk__lt": last})
        few = list(beyond.order_by(order).values_list("pk", flat=True)[:FEW])
        found = list(tasks.filter(pk__in=dialect.among(text, few)).order_by(order)[:count])
        if len(few) < FEW or len(found) >= count:
            return found
        last = few[-1]
    size = AT_FIRST if filtered else count
    while True:
        keys = dialect.hits(text, last, ascending, size)
        found += tasks.filter(pk__in=keys).order_by(order)[: count - len(found)]
        if len(found) >= count or len(keys) < size:
            return found
        last, size = keys[-1], min(size * 4, AT_MOST)
