"""What the cases find, each query asked in several ways."""

from __future__ import annotations

from unittest.mock import patch

from tasks.models import Task
from tasks.search import facets, finding, matching, walking
from tasks.search.finding import all_of, count, take
from tasks.search.query import Query, read
from tasks.tests.search import cases


def answers() -> dict[str, list[list[str]]]:
    """Of each query the names found: in one part, in parts of one, oldest first, and all in no order; then in one
    part, both ways, where five tasks are more than are looked at together, as a million are."""
    made = cases.make()
    given = _given(made)
    with (patch.multiple(finding, FEW=2, TRIED=2), patch.multiple(matching, WINDOW=1, FARTHER=2, WALKED=0.5),
          patch.multiple(walking, NEAR=2, FARTHER=2, FEW=1, SOME=2, BATCH=1, GROWTH=1),
          patch.object(facets, "LEAST", 1),
          patch.multiple(matching.Sqlite, stretches=(1, 1), rest=1),
          patch.multiple(matching.PostgreSQL, stretches=(1,))):
        for text, found in given.items():
            found += [_in_one(made, read(text)), _in_one(made, read(text), ascending=True)[::-1]]
    return given


def _given(made: dict[str, Task]) -> dict[str, list[list[str]]]:
    names = {task.pk: name for name, task in made.items()}
    newest_first = [*made][::-1]
    given = {}
    for text in cases.FINDS:
        query = read(text)
        whole = _in_one(made, query)
        given[text] = [
            whole,
            [names[key] for key in _one_by_one(query)],
            _in_one(made, query, ascending=True)[::-1],
            sorted((names[task.pk] for task in all_of(Task.objects.all(), query)), key=newest_first.index),
        ]
        assert count(Task.objects.all(), query).number == len(whole)
    return given


def _in_one(made: dict[str, Task], query: Query, *, ascending: bool = False) -> list[str]:
    names = {task.pk: name for name, task in made.items()}
    return [names[task.pk] for task in take(Task.objects.all(), query, ascending=ascending).items]


def _one_by_one(query: Query) -> list:
    cursor, keys = "", []
    while cursor is not None:
        part = take(Task.objects.all(), query, limit=1, cursor=cursor)
        keys += [task.pk for task in part.items]
        cursor = part.next_cursor
    return keys
