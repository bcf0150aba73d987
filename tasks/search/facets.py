"""The kinds of tasks that there are: each combination of state, lane, job, priority and number of attempts once.

There are some hundreds however many tasks there are, and an index holds the tasks of each in order. So whatever is
asked of these columns, in any combination, is asked of the kinds; the newest tasks of those that meet it are read from
the index and put in order. That is quick where such tasks are frequent, seldom, long ago, or none at all.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import connection

from tasks.models import Task
from tasks.search.conditions import Condition, is_exact
from tasks.search.places import Place
from tasks.search.sql import condition

COLUMNS = ("state", "lane", "job", "priority", "attempt")
TYPES = ("varchar", "varchar", "varchar", "smallint", "integer")
NAMES = ", ".join(COLUMNS)
# With more kinds than that it is not worth while to look them up.
MOST = 2000
# Of each kind so many tasks are read at least.
LEAST = 8

Kind = tuple[Any, ...]


def kinds(about: Sequence[Condition]) -> list[Kind] | None:
    """The kinds of which there are tasks now, and that meet these conditions; None when there are too many to say."""
    tests = [(max(map(COLUMNS.index, one.facet)), one, *condition(Task.objects.filter(one.where))) for one in about]
    levels, given = [], []
    for place in range(len(COLUMNS)):
        # A condition narrows the kinds as soon as all columns are known that it is about.
        told = [(one, sql, params) for last, one, sql, params in tests if last == place]
        sought = [(sql, params) for one, sql, params in told if one.sought]
        exact = [one.where.children[0][1] for one, _, _ in told if is_exact(one.where)]
        test = "".join(f" AND ({sql})" for _, sql, _ in told)
        # Whether there is any of that value, the last column tells.
        if exact and place < len(COLUMNS) - 1:
            levels.append(_level(place, _given(place), test))
            given.append(exact[0])
        else:
            levels.append(_level(place, _sought(place, "".join(f" AND ({sql})" for sql, _ in sought)), test))
            given += [value for _, params in sought for value in params]
        given += [value for _, _, params in told for value in params]
    seen = " UNION ALL ".join(f"SELECT COUNT(*) AS number FROM upto_{place}" for place in range(len(COLUMNS)))
    sql = (f"WITH RECURSIVE {', '.join(levels)} SELECT {NAMES} FROM of_{len(COLUMNS) - 1} AS found"
           f" UNION ALL SELECT NULL, NULL, NULL, NULL, MAX(number) FROM ({seen}) AS seen")
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
        rows = cursor.fetchall()
    most = next(row[-1] for row in rows if row[0] is None)
    return None if most > MOST else [row for row in rows if row[0] is not None]


def newest(of: Sequence[Kind], place: Place, count: int) -> list[uuid.UUID]:
    """The next so many ids of tasks of these kinds, in the order of the list."""
    found: list[str] = []
    each = count if len(of) == 1 else LEAST + 2 * count // max(len(of), 1)
    while of and len(found) < count:
        read = _read(of, place, each)
        # Of what is beyond the last one that was read of a kind, there may be more of that kind.
        ends = [keys[-1] for keys in read if len(keys) == each]
        end = None if not ends else min(ends) if place.ascending else max(ends)
        ordered = sorted((key for keys in read for key in keys), reverse=not place.ascending)
        found += ordered if end is None else ordered[: ordered.index(end) + 1]
        if end is None:
            break
        of = [kind for kind, keys in zip(of, read, strict=True) if keys]
        # Of those kinds that are frequent, more is wanted each time.
        place, each = place.after(uuid.UUID(end)), min(4 * each, count)
    return [uuid.UUID(key) for key in found[:count]]


def _read(of: Sequence[Kind], place: Place, each: int) -> list[list[str]]:
    """The next so many ids of each kind, as texts."""
    bounds, given = place.sql("t.id")
    same = " AND ".join(f"t.{column} = k.{column}" for column in COLUMNS)
    inner = f"SELECT t.id FROM tasks_task t WHERE {same} AND {bounds} ORDER BY t.id {place.way} LIMIT {each}"
    if connection.vendor == "postgresql":
        listed, row = "string_agg(id::text, ',')", ", ".join(f"%s::{kind}" for kind in TYPES)
    else:
        listed, row = "group_concat(id)", ", ".join(["%s"] * len(COLUMNS))
    sql = (f"WITH k ({NAMES}) AS (VALUES {', '.join([f'({row})'] * len(of))})"
           f" SELECT (SELECT {listed} FROM ({inner}) AS of_kind) FROM k")
    with connection.cursor() as cursor:
        cursor.execute(sql, [*(value for kind in of for value in kind), *given])
        return [sorted(ids.split(","), reverse=not place.ascending) if ids else [] for (ids,) in cursor.fetchall()]


def _level(place: int, step: str, test: str) -> str:
    """What kinds there are as far as the first columns tell, of those that a step finds."""
    names = ", ".join(COLUMNS[: place + 1])
    return (f"step_{place} ({names}) AS ({step}),"
            f" upto_{place} AS MATERIALIZED (SELECT * FROM step_{place} LIMIT {MOST + 1}),"
            f" of_{place} AS (SELECT * FROM upto_{place} AS tasks_task WHERE {COLUMNS[place]} IS NOT NULL{test})")


def _given(place: int) -> str:
    """The one value that is asked for, with each kind of the columns before."""
    kept = "".join(f"f.{name}, " for name in COLUMNS[:place])
    value = f"%s::{TYPES[place]}" if connection.vendor == "postgresql" else "%s"
    return f"SELECT {kept}{value}{f' FROM of_{place - 1} AS f' if place else ''}"


def _sought(place: int, test: str) -> str:
    """Each value is looked up in the index behind the one before, for each kind of the columns before it that meets
    the conditions so far; the first one where it meets the test, too."""
    column, before = COLUMNS[place], COLUMNS[:place]
    same = "".join(f" AND tasks_task.{name} = {{0}}.{name}" for name in before)
    least = f"(SELECT MIN(tasks_task.{column}) FROM tasks_task WHERE 1 = 1{same}{{1}})"
    kept = "".join(f"{{0}}.{name}, " for name in before)
    first = f"SELECT {kept.format('f')}{least.format('f', test)}{f' FROM of_{place - 1} AS f' if place else ''}"
    # Nothing else is asked of what follows: of two tests SQLite would begin with the other one, and read all between.
    after = f"{kept.format('s')}{least.format('s', f' AND tasks_task.{column} > s.{column}')}"
    return f"{first} UNION ALL SELECT {after} FROM step_{place} AS s WHERE s.{column} IS NOT NULL"
