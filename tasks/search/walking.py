"""The next tasks that meet all conditions, found from the side that promises the least work.

1. The newest are tried one after the other: most of what is asked for is met by some of these; and the newest of a
   state, subject or person that was asked for, which stand in an index in the same order.
2. What only the columns of `tasks.search.facets` know is read from their index.
3. A condition that few tasks meet gives these, and they are tried on the others.
4. What an index has in the order of the list is tried in that order; and last, all that meet them are put in order.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from functools import reduce
from operator import and_
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Q, QuerySet

from tasks.models import Task
from tasks.search import facets
from tasks.search.conditions import Condition
from tasks.search.places import Place, keys, stored
from tasks.search.sql import ALWAYS, condition

# The line of all tasks.
ALL = Q()
# So many of the newest are tried first, and so many more when that promises to be enough.
NEAR, FARTHER = 1000, 6000
# A condition that no more tasks meet is one that few meet; up to so many, it is still the one to begin with.
FEW, SOME = 2000, 20_000
# So many are tried together, once they are known from an index, and each time so many times as many.
BATCH, GROWTH = 400, 4
# Of what many tasks meet, those of this part of all ids are put in order first; where there are none, so many times as
# many; and all that are left rather than more than this part of these.
PART, WIDER, MOST_PARTED = 1 / 32, 8, 1 / 2
# Where it is known how many there are: about so many of these first.
LOOKED = 1500


def meeting(tasks: QuerySet[Task], conditions: Sequence[Condition], place: Place, count: int) -> list[uuid.UUID]:
    """The next ids of these tasks that meet all conditions, in the order of the list."""
    if len(conditions) == 1 and conditions[0].ordered and not tasks.query.where:
        return _in_order(conditions[0], place, count)
    is_told = _is_told(tasks, conditions)
    found, rest = _near(tasks, conditions, place, count, NEAR if is_told else FARTHER)
    if rest is None:
        return found
    size, least = (SOME + 1, None) if is_told else _least(conditions)
    for line in _lines(conditions, is_told) if size > SOME else ():
        if rest is not None:
            more, rest = _near(tasks, conditions, rest, count - len(found), FARTHER, line)
            found += more
    return found if rest is None else found + _anywhere(tasks, conditions, rest, count - len(found), size, least)


def meeting_few(tasks: QuerySet[Task], conditions: Sequence[Condition], place: Place) -> list[uuid.UUID] | None:
    """All of these tasks that meet all conditions, in the order of the list, when one of these is met by few; else
    None."""
    about = [one for one in conditions if one.facet]
    if any(one.line is None for one in about) and facets.kinds(about) == []:
        return []
    size, least = _least(conditions)
    if FEW <= size <= SOME:  # PostgreSQL may expect more than there are
        size = least.source(Place())[:FEW].count()
    return _of(tasks, least, conditions, place, FEW) if size < FEW else None


def _is_told(tasks: QuerySet[Task], conditions: Sequence[Condition]) -> bool:
    """Whether the kinds of tasks tell all that is asked for."""
    return all(one.facet for one in conditions) and not tasks.query.where


def _lines(conditions: Sequence[Condition], is_told: bool) -> list[Q]:
    """Those whose tasks an index has one after the other, in the order of the list; a state last, which many have, and
    not where the kinds of tasks tell more."""
    known = sorted((one for one in conditions if one.line is not None), key=lambda one: "state" in one.facet)
    return [one.line for one in known if not (is_told and "state" in one.facet)]


def _near(tasks: QuerySet[Task], conditions: Sequence[Condition], place: Place, count: int, most: int, line: Q = ALL
          ) -> tuple[list[uuid.UUID], Place | None]:
    """Those among the next few tasks (of a line), and among so many more where that promises to be enough; and the
    place behind these, None when nothing is to be found there."""
    found, place = _tried(tasks, conditions, place, count, NEAR, line)
    if place is None or not found:
        return found, place
    farther = 1.5 * NEAR * (count - len(found)) / len(found)
    if farther > most:
        return found, place
    more, place = _tried(tasks, conditions, place, count - len(found), round(farther) + 1, line)
    return found + more, place


def _tried(tasks: QuerySet[Task], conditions: Sequence[Condition], place: Place, count: int, size: int, line: Q = ALL
           ) -> tuple[list[uuid.UUID], Place | None]:
    """Those among the next `size` tasks of a line, and the place behind; None when enough were found, or nothing
    follows."""
    bounds, given = place.sql("id")
    along, values = condition(Task.objects.filter(line))
    given += values
    walk = f"FROM tasks_task WHERE {bounds} AND {along} ORDER BY id {place.way} LIMIT"
    end = keys(f"SELECT id {walk} 1 OFFSET {size - 1}", given)
    test, params = condition(tasks.filter(_between(conditions, place, end[0] if end else None, given, walk, size)))
    found = keys(f"SELECT id FROM (SELECT * {walk} {size}) AS tasks_task WHERE {test} LIMIT {count}",
                 [*given, *params])
    return found, place.after(end[0]) if end and len(found) < count else None


def _between(conditions: Sequence[Condition], place: Place, end: uuid.UUID | None, given: list[Any], walk: str,
             size: int) -> Q:
    """All conditions for the tasks of one walk."""
    if not any(one.between for one in conditions):
        return _all(conditions)
    first = keys(f"SELECT id {walk} 1", given)
    if not first:
        return Q(pk__in=[])
    last = end or keys(f"SELECT id FROM (SELECT id {walk} {size}) AS walked ORDER BY id"
                       f" {'DESC' if place.ascending else 'ASC'} LIMIT 1", given)[0]
    return reduce(and_, (one.between(first[0], last) if one.between else one.each for one in conditions), Q())


def _anywhere(tasks: QuerySet[Task], conditions: Sequence[Condition], place: Place, count: int, size: int,
              least: Condition | None) -> list[uuid.UUID]:
    """The next that meet the conditions, wherever they are; `size` is about how many meet the `least` one."""
    if size <= FEW:
        return _of(tasks, least, conditions, place, count)
    about, others = [one for one in conditions if one.facet], [one for one in conditions if not one.facet]
    # One that is a line tells as much as the kinds do: that there are such tasks.
    line = about[0].line if len(about) == 1 else None
    kinds = facets.kinds(about) if about and line is None else None
    if kinds == []:
        return []
    if kinds and _is_told(tasks, conditions):
        return facets.newest(kinds, place, count)
    if size <= SOME:
        return _of_many(tasks, least, conditions, place, count, max(PART, LOOKED / size))
    if line is not None:
        return _walked(tasks, conditions, place, count, line)
    if kinds:
        return _in_turn(lambda at, size: facets.newest(kinds, at, size), tasks, others, place, count)
    in_order = next((one for one in conditions if one.ordered), None)
    if in_order is not None:
        return _in_turn(lambda at, size: _in_order(in_order, at, size), tasks,
                        [one for one in conditions if one is not in_order], place, count)
    if least is not None:
        return _of_many(tasks, least, conditions, place, count)
    if about:
        return _sorted(tasks, conditions, place, count)
    return _walked(tasks, conditions, place, count)


def _least(conditions: Sequence[Condition]) -> tuple[int, Condition | None]:
    """The condition that the fewest tasks meet, among those that lead to these, behind about how many these are, which
    is more than some at most; None where none leads to them."""
    size, least = SOME + 1, None
    for one in sorted(conditions, key=lambda one: one.line is not None):
        if not one.source:
            continue
        number = _size(one, min(size, FEW + 1) if one.line is not None else size)
        if one.line is not None and number > FEW:
            number = SOME + 1  # to walk along these is as good
        if number < size or least is None:
            size, least = number, one
    return size, least


def _size(one: Condition, most: int) -> int:
    """How many tasks meet a condition, about: counted so far as it matters, or what PostgreSQL expects."""
    rows = one.source(Place())
    if connection.vendor != "postgresql":
        return rows[:most].count()
    try:
        sql, params = rows.query.sql_with_params()
    except EmptyResultSet:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        (told,) = cursor.fetchone()
    plan = json.loads(told) if isinstance(told, str) else told
    return int(plan[0]["Plan"]["Plan Rows"])


def _of(tasks: QuerySet[Task], one: Condition, conditions: Sequence[Condition], place: Place, count: int
        ) -> list[uuid.UUID]:
    """Those among all that meet one condition, which are put in order."""
    try:
        sql, params = one.source(place).query.sql_with_params()
    except EmptyResultSet:
        return []
    # Materialised, or the planner walks all tasks by their order.
    hits = f"(WITH hit (id) AS MATERIALIZED ({sql}) SELECT DISTINCT id FROM hit ORDER BY id {place.way}) AS hit"
    return those(hits, params, tasks, [other for other in conditions if other is not one], count)


def _of_many(tasks: QuerySet[Task], one: Condition, conditions: Sequence[Condition], place: Place, count: int,
             share: float = PART) -> list[uuid.UUID]:
    """The same where very many meet it: first those of the part of all ids that is next, then of as large a part as
    promises to be enough."""
    found: list[uuid.UUID] = []
    while parts := place.parts((share,) if share < MOST_PARTED else ()):
        more = _of(tasks, one, conditions, parts[0], count - len(found))
        found += more
        if len(found) >= count or len(parts) == 1:
            break
        place, share = parts[1], share * (1.5 * (count - len(found)) / len(more) if more else WIDER)
    return found


def _in_turn(source: Callable[[Place, int], list[uuid.UUID]], tasks: QuerySet[Task], conditions: Sequence[Condition],
             place: Place, count: int) -> list[uuid.UUID]:
    """Those among the tasks of a source, which gives the next so many behind a place."""
    found: list[uuid.UUID] = []
    size = BATCH
    while len(found) < count:
        some = source(place, size)
        found += fitting(tasks, conditions, some, count - len(found))
        if len(some) < size:
            break
        place, size = place.after(some[-1]), size * GROWTH
    return found


def _in_order(one: Condition, place: Place, count: int) -> list[uuid.UUID]:
    """The next that meet one condition, from an index that has them in order. A task may stand there twice."""
    rows = one.source(place).order_by(one.ordered if place.ascending else f"-{one.ordered}")
    return [key for (key,) in rows.distinct()[:count]]


def fitting(tasks: QuerySet[Task], conditions: Sequence[Condition], some: Sequence[uuid.UUID], count: int
            ) -> list[uuid.UUID]:
    """Those of some tasks that meet all conditions, in their order; so many at most."""
    if not some:
        return []
    if connection.vendor == "postgresql":
        return those("unnest(%s::uuid[]) AS hit (id)", [list(some)], tasks, conditions, count)
    return those("(SELECT value AS id FROM json_each(%s)) AS hit", [json.dumps([stored(key) for key in some])], tasks,
                  conditions, count)


def those(hits: str, given: list[Any], tasks: QuerySet[Task], conditions: Sequence[Condition], count: int
           ) -> list[uuid.UUID]:
    """Those of a list in SQL, `hit`, that meet the conditions. One after the other, so that it ends with enough."""
    test, params = condition(tasks.filter(_all(conditions)))
    where = "" if test == ALWAYS else (
        f" WHERE (SELECT true FROM tasks_task WHERE tasks_task.id = hit.id AND ({test}))")
    return keys(f"SELECT id FROM {hits}{where} LIMIT {count}", [*given, *params])


def _sorted(tasks: QuerySet[Task], conditions: Sequence[Condition], place: Place, count: int) -> list[uuid.UUID]:
    """All that meet them, and only then a look at their order: or the planner walks all tasks by their order."""
    test, params = condition(tasks.filter(reduce(and_, (one.where for one in conditions), Q())))
    bounds, given = place.sql("id")
    return keys(f"WITH hit (id) AS MATERIALIZED (SELECT id FROM tasks_task WHERE {test})"
                f" SELECT id FROM hit WHERE {bounds} ORDER BY id {place.way} LIMIT {count}", [*params, *given])


def _walked(tasks: QuerySet[Task], conditions: Sequence[Condition], place: Place, count: int, line: Q = ALL
            ) -> list[uuid.UUID]:
    """What no index knows: all tasks (of a line) are tried, one after the other."""
    found: list[uuid.UUID] = []
    size, at = FARTHER, place
    while at is not None and len(found) < count:
        more, at = _tried(tasks, conditions, at, count - len(found), size, line)
        found, size = found + more, size * GROWTH
    return found


def _all(conditions: Sequence[Condition]) -> Q:
    return reduce(and_, (one.each for one in conditions), Q())
