"""What the cases find, each query asked in several ways."""

from __future__ import annotations

from tasks.models import Task
from tasks.search.finding import all_of, count, take
from tasks.search.query import Query, read
from tasks.tests.search import cases


def answers() -> dict[str, list[list[str]]]:
    """Of each query the names found: in one part, in parts of one, oldest first, and all in no order."""
    made = cases.make()
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
