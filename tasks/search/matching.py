"""Full text search in each database: its language, and the tasks whose documents match, in order."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL

from tasks.search.rowids import rowid

# PostgreSQL finds documents by their words in no order. So many of the newest are looked at one by one first: a word
# that is not there so often is in few enough documents to find all and sort them.
WINDOW = 3000


class Sqlite:
    """FTS5: it walks the documents that match in the order of their numbers, from either end."""

    matching = "SELECT task FROM tasks_words WHERE tasks_words MATCH %s"

    @staticmethod
    def term(words: Sequence[str], *, prefix: bool, name: bool) -> str:
        return f"{'name : ' if name else ''}\"{' '.join(words)}\"{' *' if prefix else ''}"

    @staticmethod
    def both(parts: Sequence[str]) -> str:
        return _joined(parts, "AND")

    @staticmethod
    def either(parts: Sequence[str]) -> str:
        return _joined(parts, "OR")

    @staticmethod
    def without(wanted: str, unwanted: str) -> str:
        return f"({wanted} NOT {unwanted})"

    @classmethod
    def hits(cls, text: str, last: uuid.UUID | None, ascending: bool, count: int) -> list[uuid.UUID]:
        bound = "" if last is None else f" AND rowid {'>' if ascending else '<'} %s"
        sql = f"{cls.matching}{bound} ORDER BY rowid {'ASC' if ascending else 'DESC'} LIMIT %s"
        return _keys(sql, [text, *([] if last is None else [rowid(last)]), count])

    @classmethod
    def among(cls, text: str, keys: Sequence[uuid.UUID]) -> list[uuid.UUID]:
        marks = ", ".join(["%s"] * len(keys))
        return _keys(f"{cls.matching} AND rowid IN ({marks})", [text, *map(rowid, keys)]) if keys else []

    @classmethod
    def between(cls, text: str, one: uuid.UUID, other: uuid.UUID) -> list[uuid.UUID]:
        first, last = sorted((rowid(one), rowid(other)))
        return _keys(f"{cls.matching} AND rowid BETWEEN %s AND %s", [text, first, last])


class PostgreSQL:
    """tsquery: the GIN index knows which documents match, and no order."""

    matching = "SELECT task_id FROM tasks_document WHERE words @@ %s::tsquery"

    @staticmethod
    def term(words: Sequence[str], *, prefix: bool, name: bool) -> str:
        last = len(words) - 1
        marks = [("*" if prefix and place == last else "") + ("A" if name else "") for place in range(len(words))]
        parts = [f"'{word}'{':' + mark if mark else ''}" for word, mark in zip(words, marks, strict=True)]
        return parts[0] if last == 0 else f"({' <-> '.join(parts)})"

    @staticmethod
    def both(parts: Sequence[str]) -> str:
        return _joined(parts, "&")

    @staticmethod
    def either(parts: Sequence[str]) -> str:
        return _joined(parts, "|")

    @staticmethod
    def without(wanted: str, unwanted: str) -> str:
        return f"({wanted} & !({unwanted}))"

    @classmethod
    def hits(cls, text: str, last: uuid.UUID | None, ascending: bool, count: int) -> list[uuid.UUID]:
        sign, order = (">", "ASC") if ascending else ("<", "DESC")
        beyond, given = ("", []) if last is None else (f" WHERE task_id {sign} %s", [last])
        near = _keys(
            f"SELECT task_id FROM (SELECT task_id, words FROM tasks_document{beyond} ORDER BY task_id {order}"
            f" LIMIT {WINDOW}) AS near WHERE words @@ %s::tsquery ORDER BY task_id {order} LIMIT %s",
            [*given, text, count],
        )
        if len(near) == count:
            return near
        # Materialised, or the planner walks all tasks by their order for the first that match.
        beyond = beyond.replace(" WHERE", " AND")
        return _keys(
            f"WITH hit AS MATERIALIZED ({cls.matching}{beyond}) SELECT task_id FROM hit ORDER BY task_id {order}"
            " LIMIT %s", [text, *given, count],
        )  # fmt: skip

    @classmethod
    def among(cls, text: str, keys: Sequence[uuid.UUID]) -> list[uuid.UUID]:
        return _keys(f"{cls.matching} AND task_id = ANY(%s)", [text, list(keys)])

    @classmethod
    def between(cls, text: str, one: uuid.UUID, other: uuid.UUID) -> list[uuid.UUID]:
        # Each by itself, or the planner asks the index of words for all that match.
        return _keys("SELECT task_id FROM (SELECT task_id, words FROM tasks_document WHERE task_id BETWEEN %s AND %s"
                     " OFFSET 0) AS near WHERE words @@ %s::tsquery", [*sorted((one, other)), text])


def dialect() -> type[Sqlite] | type[PostgreSQL]:
    """The language of the database in use. What makes its queries takes words that `tasks.search.words` has cut."""
    return PostgreSQL if connection.vendor == "postgresql" else Sqlite


def matches(text: str) -> Q:
    """The condition that a task's document matches."""
    return Q(pk__in=RawSQL(dialect().matching, [text]))


def _joined(parts: Sequence[str], sign: str) -> str:
    return parts[0] if len(parts) == 1 else f"({f' {sign} '.join(parts)})"


def _keys(sql: str, params: list[Any]) -> list[uuid.UUID]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [key if isinstance(key, uuid.UUID) else uuid.UUID(key) for (key,) in cursor.fetchall()]
