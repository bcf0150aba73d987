"""The tasks that a query finds: a part of them, and how many there are."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, repeat

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.lookups import Exact
from django.db.models.sql.where import AND, WhereNode

from events.keyset import DEFAULT_LIMIT, Part, cut, last_of
from events.keyset import take as take_rows
from tasks.models import Task
from tasks.search import matching
from tasks.search.errors import NotYet, TooBroad
from tasks.search.filling import catch_up
from tasks.search.limits import limited
from tasks.search.query import Query

# Seconds for a list, and for a number that has to be exact; and for what was written just now to be taken in before.
LIST, EXACT, TAKE_IN = 3.0, 20.0, 2.0
# The newest tasks that conditions which no index answers in order are tried on first: most are met by some of these.
NEAR = 2000
# Columns whose indexes hold their tasks in order.
DIRECT = {"id", "state", "subject", "correlation_id", "lane", "priority", "actor"}
# So many tasks that meet the conditions are looked up among the words, when few that match the words meet them.
FEW = 1000
MOST_COUNTED = 500_000


@dataclass(frozen=True, slots=True)
class Count:
    """How many there are; `more`: at least so many, counting stopped there."""

    number: int
    more: bool

    def __str__(self) -> str:
        return f"{self.number // 1000}k+" if self.more and self.number >= 1000 else f"{self.number:,}"


def take(tasks: QuerySet[Task], query: Query, *, limit: int = DEFAULT_LIMIT, cursor: str = "",
         ascending: bool = False, seconds: float = 0.0) -> Part:
    """A part of these tasks that the query finds, newest first unless `ascending`. Raises BadCursor; TooBroad when it
    is not found within so many `seconds` (without: those of a page); and NotYet."""
    if not query.text and not query.where and not tasks.query.where:
        return take_rows(tasks, limit=limit, cursor=cursor, ascending=ascending)
    last, order = last_of(Task, cursor, ascending), "pk" if ascending else "-pk"
    with answering(query, seconds or LIST):
        # The ids first: an index may know these, and sorts them without a look at the tasks.
        look = _worded if query.text else _meeting
        keys = look(tasks, query, last, ascending, limit + 1)
        return cut(Task, list(tasks.filter(pk__in=keys).order_by(order)), limit, ascending)


def all_of(tasks: QuerySet[Task], query: Query) -> QuerySet[Task]:
    """All of these tasks that the query finds, in no order. Whoever reads them waits as long as it takes."""
    if query.worded:
        catch_up()
    found = tasks.filter(query.where)
    return found.filter(matching.matches(query.text)) if query.text else found


def count(tasks: QuerySet[Task], query: Query, most: int = MOST_COUNTED, seconds: float = 0.0) -> Count:
    """How many there are, counted up to `most`. Raises TooBroad when that takes longer than so many `seconds`
    (without: those of a page), and NotYet."""
    with answering(query, seconds or LIST):
        number = all_of(tasks, query).order_by().values("pk")[: most + 1].count()
    return Count(min(number, most), number > most)


@contextmanager
def answering(query: Query, seconds: float) -> Iterator[None]:
    """Documents that the query needs are written before, and in here it takes no longer than it may. Raises TooBroad
    and NotYet."""
    if query.worded and (left := catch_up(TAKE_IN)):
        raise NotYet(left)
    try:
        with limited(seconds):
            yield
    except TooBroad:
        raise TooBroad(seconds, query.said) from None


def _meeting(tasks: QuerySet[Task], query: Query, last: uuid.UUID | None, ascending: bool, count: int
             ) -> list[uuid.UUID]:
    """The next ids of tasks that meet the conditions of the query."""
    order, beyond = "pk" if ascending else "-pk", "pk__gt" if ascending else "pk__lt"
    rest = tasks if last is None else tasks.filter(**{beyond: last})
    if _is_direct(tasks.filter(query.where).query.where):
        return list(rest.filter(query.where).order_by(order).values_list("pk", flat=True)[:count])
    near = list(rest.order_by(order).values_list("pk", flat=True)[:NEAR])
    if not near:
        return []
    within = {("pk__lte" if ascending else "pk__gte"): near[-1]}
    found = list(rest.filter(query.among(near), **within).order_by(order).values_list("pk", flat=True)[:count])
    if len(found) >= count or len(near) < NEAR:
        return found
    # All that meet them, and only then a look at their order: or the planner walks all tasks by their order.
    try:
        sql, params = tasks.filter(query.where).order_by().values("pk").query.sql_with_params()
    except EmptyResultSet:  # nothing can meet them
        return found
    sign, way = (">", "ASC") if ascending else ("<", "DESC")
    key = Task._meta.pk.get_db_prep_value(near[-1], connection)
    with connection.cursor() as cursor:
        cursor.execute(f"WITH hit (id) AS MATERIALIZED ({sql}) SELECT id FROM hit WHERE id {sign} %s ORDER BY id {way}"
                       " LIMIT %s", [*params, key, count - len(found)])
        return found + [key if isinstance(key, uuid.UUID) else uuid.UUID(key) for (key,) in cursor.fetchall()]


def _worded(tasks: QuerySet[Task], query: Query, last: uuid.UUID | None, ascending: bool, count: int
            ) -> list[uuid.UUID]:
    """The next ids of tasks whose documents match, and that meet the conditions of the query."""
    dialect, found = matching.dialect(), []
    if not tasks.query.where and not query.where:
        return dialect.hits(query.text, last, ascending, count)
    order, meeting = "pk" if ascending else "-pk", tasks.filter(query.where)
    for size in chain(dialect.stretches, [None], repeat(dialect.rest)):
        if size is None:
            # Few of those that match meet the conditions: perhaps few tasks do.
            few = _meeting(tasks, query, last, ascending, FEW)
            fits = set(dialect.among(query.text, few))
            found += [key for key in few if key in fits]
            if len(few) < FEW:
                return found[:count]
            last = few[-1]
        else:
            sql, given, last = dialect.stretch(query.text, last, ascending, size)
            hits = meeting.filter(pk__in=RawSQL(sql, given)).order_by(order)
            found += hits.values_list("pk", flat=True)[: count - len(found)]
        if len(found) >= count or last is None:
            return found[:count]
    return found


def _is_direct(where: WhereNode) -> bool:
    """Whether an index gives, in their order, few more tasks than those that meet the conditions."""
    if where.connector != AND or where.negated:
        return False
    return any(_is_direct(part) if isinstance(part, WhereNode) else isinstance(part, Exact)
               and getattr(getattr(part.lhs, "target", None), "attname", "") in DIRECT for part in where.children)
