"""The tasks that a query finds: a part of them, and how many there are."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from itertools import chain, repeat
from operator import or_

from django.db.models import Q, QuerySet

from events.keyset import DEFAULT_LIMIT, Part, cut, last_of
from events.keyset import take as take_rows
from tasks.models import Task
from tasks.search import matching
from tasks.search.errors import NotYet, TooBroad
from tasks.search.filling import catch_up
from tasks.search.limits import limited
from tasks.search.moments import Misdated, span
from tasks.search.places import Place
from tasks.search.query import Query
from tasks.search.walking import FEW, fitting, meeting, meeting_few, those

# Seconds for a list, and for a number that has to be exact; and for what was written just now to be taken in before.
LIST, EXACT, TAKE_IN = 3.0, 20.0, 2.0
# So many tasks that meet the conditions are looked up among the words, when few that match the words meet them; and
# then so many times as many.
TRIED, MORE = 300, 5
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
    if not query.text and not query.conditions and not tasks.query.where:
        return take_rows(tasks, limit=limit, cursor=cursor, ascending=ascending)
    place = Place(last_of(Task, cursor, ascending), ascending)
    with answering(query, seconds or LIST):
        # The ids first: an index may know these, and sorts them without a look at the tasks.
        found = found_keys(tasks, query, place, limit + 1)
        return cut(Task, list(tasks.filter(pk__in=found).order_by("pk" if ascending else "-pk")), limit, ascending)


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


def found_keys(tasks: QuerySet[Task], query: Query, place: Place, count: int) -> list[uuid.UUID]:
    """The next ids, in the order of the list, where the tasks of some days stand side by side, but for the misdated."""
    tests = [test for one in query.conditions for test in one.created]
    look = _worded if query.text else _meeting
    if not tests:
        return look(tasks, query, place, count)
    low, high = span(tests)
    strange = _misdated(tests, low, high)
    if len(strange) > FEW:
        return look(tasks, query, place, count)
    found = look(tasks, query, replace(place, low=low, high=high), count)
    others = fitting(tasks, query.conditions, [key for key in strange if place.holds(key)], len(strange))
    if query.text:
        others = matching.dialect().among(query.text, others)
    return place.sort({*found, *others})[:count]


def _misdated(tests: Sequence[tuple[str, datetime]], low: uuid.UUID | None, high: uuid.UUID | None
              ) -> list[uuid.UUID]:
    """The ids of tasks that were created then, and stand elsewhere in the list; one more than few at most."""
    created = Q(*((f"created_at__{lookup}", to) for lookup, to in tests))
    elsewhere = reduce(or_, [Q(pk__lt=low)] * (low is not None) + [Q(pk__gt=high)] * (high is not None))
    rows = Task.objects.filter(Misdated("id", "created_at"), created, elsewhere).order_by()
    return list(rows.values_list("pk", flat=True)[: FEW + 1])


def _meeting(tasks: QuerySet[Task], query: Query, place: Place, count: int) -> list[uuid.UUID]:
    return meeting(tasks, query.conditions, place, count)


def _worded(tasks: QuerySet[Task], query: Query, place: Place, count: int) -> list[uuid.UUID]:
    """The next ids of tasks whose documents match, and that meet the conditions of the query."""
    dialect, found = matching.dialect(), []
    # What a condition says of the document, the index of words knows.
    text = dialect.both([query.text, *(one.said for one in query.conditions if one.said)])
    if not tasks.query.where and not query.conditions:
        return dialect.hits(text, place, count)
    every = meeting_few(tasks, query.conditions, place)
    if every is not None:
        return dialect.among(text, every)[:count]
    tried = TRIED
    for size in chain(dialect.stretches, [None, None], repeat(dialect.rest)):
        if size is None:
            # Few of those that match meet the conditions: perhaps few tasks do.
            some = meeting(tasks, query.conditions, place, tried)
            more = dialect.among(text, some)
            found += more
            if len(some) < tried:
                break
            place = place.after(some[-1])
            tried = round(min(MORE, 1.5 * max(0, count - len(found)) / max(len(more), 1)) * tried) + 1
        elif not size:
            return found + those(*dialect.all_hits(text, place), tasks, query.conditions, count - len(found))
        else:
            hits, last = dialect.stretch(text, place, size)
            found += fitting(tasks, query.conditions, hits, count - len(found))
            if last is None:
                break
            place = place.after(last)
        if len(found) >= count:
            break
    return found[:count]
