"""Full text search in each database: its language, and the tasks whose documents match, in order."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL

from tasks.search.places import Place, keys
from tasks.search.rowids import rowid

# PostgreSQL finds documents by their words in no order. So many of the newest are looked at one by one first: a word
# that is not there so often is in few enough documents to find all and sort them.
WINDOW = 3000
# ... and so many more, where that promises to be enough.
FARTHER = 15_000
# SQLite takes so much longer to look up one document than to walk to the next one that matches. Whether to walk is seen
# after so many as are looked for, times this.
WALKED, SEEN = 10, 2


# The documents that match in the next stretch of all, and where that ends: None when nothing follows.
Stretch = tuple[list[uuid.UUID], uuid.UUID | None]


class Sqlite:
    """FTS5: it walks the documents that match in the order of their numbers, from either end. Its stretches are so many
    that match."""

    stretches = (500,)
    rest = 5000

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
    def stretch(cls, text: str, place: Place, count: int) -> Stretch:
        found = cls.hits(text, place, count)
        return found, found[-1] if len(found) == count else None

    @classmethod
    def hits(cls, text: str, place: Place, count: int) -> list[uuid.UUID]:
        bounds = "".join(f" AND rowid {sign} %s" for sign, _ in place.tests())
        return keys(f"{cls.matching}{bounds} ORDER BY rowid {place.way} LIMIT %s",
                    [text, *(rowid(key) for _, key in place.tests()), count])

    @classmethod
    def among(cls, text: str, some: Sequence[uuid.UUID]) -> list[uuid.UUID]:
        if not some:
            return []
        # To walk what matches between them takes less than to look each of them up, unless there is very much.
        low, high = min(some), max(some)
        first = max(1, int(SEEN * len(some)))
        walked, left = cls._walk(text, low, high, first), []
        if len(walked) == first:
            left = [key for key in some if key > walked[-1]]
            most = int(WALKED * len(left))
            if left and first * len(left) <= most * (len(some) - len(left)):
                more = cls._walk(text, walked[-1], high, most)
                walked += more
                left = [key for key in left if key > more[-1]] if len(more) == most else []
        marks = ", ".join(["%s"] * len(left))
        found = {*walked, *(keys(f"{cls.matching} AND rowid IN ({marks})", [text, *map(rowid, left)]) if left else [])}
        return [key for key in some if key in found]

    @classmethod
    def _walk(cls, text: str, low: uuid.UUID, high: uuid.UUID, most: int) -> list[uuid.UUID]:
        sql = f"{cls.matching} AND rowid BETWEEN %s AND %s ORDER BY rowid LIMIT %s"
        return keys(sql, [text, rowid(low), rowid(high), most])

    @classmethod
    def between(cls, text: str, one: uuid.UUID, other: uuid.UUID) -> list[uuid.UUID]:
        first, last = sorted((rowid(one), rowid(other)))
        return keys(f"{cls.matching} AND rowid BETWEEN %s AND %s", [text, first, last])


class PostgreSQL:
    """tsquery: the GIN index knows which documents match, and no order. Its stretches are so many documents, of which
    some match; 0 is all the rest, `all_hits`."""

    stretches = (WINDOW,)
    rest = 0

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
    def stretch(cls, text: str, place: Place, count: int) -> Stretch:
        bounds, given = place.sql("task_id")
        near = f"SELECT task_id, words FROM tasks_document WHERE {bounds} ORDER BY task_id {place.way} LIMIT {count}"
        end = keys(f"SELECT task_id FROM tasks_document WHERE {bounds} ORDER BY task_id {place.way} LIMIT 1"
                   f" OFFSET {count - 1}", given)
        return (keys(f"SELECT task_id FROM ({near}) AS near WHERE words @@ %s::tsquery ORDER BY task_id {place.way}",
                     [*given, text]), end[0] if end else None)

    @classmethod
    def hits(cls, text: str, place: Place, count: int) -> list[uuid.UUID]:
        found, last = cls.stretch(text, place, WINDOW)
        farther = round(1.5 * WINDOW * (count - len(found)) / len(found)) + 1 if found else FARTHER + 1
        if last is not None and len(found) < count and farther <= FARTHER:
            place = place.after(last)
            more, last = cls.stretch(text, place, farther)
            found += more
        if last is None or len(found) >= count:
            return found[:count]
        hits, given = cls.all_hits(text, place.after(last))
        return found + keys(f"SELECT id FROM {hits} LIMIT %s", [*given, count - len(found)])

    @classmethod
    def all_hits(cls, text: str, place: Place) -> tuple[str, list[Any]]:
        """All that match, in order, as a table in SQL. Materialised, or the planner walks all tasks by their order."""
        bounds, given = place.sql("task_id")
        return (f"(WITH hit (id) AS MATERIALIZED ({cls.matching} AND {bounds})"
                f" SELECT id FROM hit ORDER BY id {place.way}) AS hit", [text, *given])

    @classmethod
    def among(cls, text: str, some: Sequence[uuid.UUID]) -> list[uuid.UUID]:
        found = set(keys(f"{cls.matching} AND task_id = ANY(%s)", [text, list(some)]))
        return [key for key in some if key in found]

    @classmethod
    def between(cls, text: str, one: uuid.UUID, other: uuid.UUID) -> list[uuid.UUID]:
        # Each by itself, or the planner asks the index of words for all that match.
        return keys("SELECT task_id FROM (SELECT task_id, words FROM tasks_document WHERE task_id BETWEEN %s AND %s"
                     " OFFSET 0) AS near WHERE words @@ %s::tsquery", [*sorted((one, other)), text])


def dialect() -> type[Sqlite] | type[PostgreSQL]:
    """The language of the database in use. What makes its queries takes words that `tasks.search.words` has cut."""
    return PostgreSQL if connection.vendor == "postgresql" else Sqlite


def matches(text: str) -> Q:
    """The condition that a task's document matches."""
    return Q(pk__in=RawSQL(dialect().matching, [text]))


def _joined(parts: Sequence[str], sign: str) -> str:
    return parts[0] if len(parts) == 1 else f"({f' {sign} '.join(parts)})"

