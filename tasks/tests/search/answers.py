"""What the cases find, each query asked in several ways."""

from __future__ import annotations

from unittest.mock import patch

from tasks.models import Task
from tasks.search import finding, matching
from tasks.search.finding import all_of, count, take
from tasks.search.query import Query, read
from tasks.tests.search import cases


def answers() -> dict[str, list[list[str]]]:
    """Of each query the names found: in one part, in parts of one, oldest first, and all in no order; then the same
    again where five tasks are more than are looked at together, as a million are."""
    made = cases.make()
    given = _given(made)
    with (patch.multiple(finding, NEAR=2, FEW=2), patch.multiple(matching, WINDOW=1, WALKED=0.5),
          patch.multiple(matching.Sqlite, stretches=(1, 1), rest=1),
          patch.multiple(matching.PostgreSQL, stretches=(1,))):
        again = _given(made)
    return {text: given[text] + again[text] for text in given}


def _given(made: dict[str, Task]) -> dict[str, list[list[str]]]:
    names = {task.pk: name for name, task in made.items()}
    newest_first = [*made][::-1]
    given = {}
    for text in cases.FINDS:
        query = read(text)
        whole = [names[task.pk] for task in take(Task.objects.all(), query).items]
        given[text] = [
            whole,
            [names[key] for key in _one_by_one(query)],
            [names[task.pk] for task in take(Task.objects.all(), query, ascending=True).items][::-1],
            sorted((names[task.pk] for task in all_of(Task.objects.all(), query)), key=newest_first.index),
        ]
        assert count(Task.objects.all(), query).number == len(whole)
    return given


def _one_by_one(query: Query) -> list:
    cursor, keys = "", []
    while cursor is not None:
        part = take(Task.objects.all(), query, limit=1, cursor=cursor)
        keys += [task.pk for task in part.items]
        cursor = part.next_cursor
    return keys
