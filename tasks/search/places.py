"""Where in the list of all tasks a part begins, and how far it may reach."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection
from django.db.models import F, Func, Q, QuerySet, UUIDField
from django.db.models.lookups import GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual

from tasks.models import Task

LOOKUPS = {">": "gt", "<": "lt", ">=": "gte", "<=": "lte"}
COMPARED = {">": GreaterThan, "<": LessThan, ">=": GreaterThanOrEqual, "<=": LessThanOrEqual}


@dataclass(frozen=True, slots=True)
class Place:
    """Ids beyond `last` in the order of the list, and from `low` to `high`; None is no bound."""

    last: uuid.UUID | None = None
    ascending: bool = False
    low: uuid.UUID | None = None
    high: uuid.UUID | None = None

    @property
    def way(self) -> str:
        """The order of the list in SQL."""
        return "ASC" if self.ascending else "DESC"

    def tests(self) -> list[tuple[str, uuid.UUID]]:
        """What an id has to meet, such as `[("<", last)]`: one test for each end, as SQLite begins at the first."""
        least, most = (">=", self.low), ("<=", self.high)
        if self.last is not None and self.ascending and (self.low is None or self.last >= self.low):
            least = (">", self.last)
        elif self.last is not None and not self.ascending and (self.high is None or self.last <= self.high):
            most = ("<", self.last)
        return [(sign, key) for sign, key in (least, most) if key is not None]

    def after(self, last: uuid.UUID) -> Place:
        """The place behind that task."""
        return replace(self, last=last)

    def sql(self, column: str) -> tuple[str, list[Any]]:
        """The condition on a column of ids."""
        tests = self.tests()
        return (" AND ".join(f"{column} {sign} %s" for sign, _ in tests) or "1 = 1",
                [stored(key) for _, key in tests])

    def within(self, rows: QuerySet, column: str, *, sought: bool = True) -> QuerySet:
        """Those of these rows whose column is such an id. Not `sought`: SQLite is not to look them up by it, but by
        what else is asked of them."""
        if sought or connection.vendor == "postgresql":
            return rows.filter(*(Q((f"{column}__{LOOKUPS[sign]}", key)) for sign, key in self.tests()))
        bare = Func(F(column), template="+%(expressions)s", output_field=UUIDField())
        return rows.filter(*(Q(COMPARED[sign](bare, key)) for sign, key in self.tests()))

    def parts(self, shares: Sequence[float]) -> list[Place]:
        """The place cut at these shares of its ids, in their order, the rest last."""
        bounds, given = self.sql("id")
        ends = keys(" UNION ALL ".join(f"SELECT id FROM (SELECT id FROM tasks_task WHERE {bounds} ORDER BY id {way}"
                                       " LIMIT 1) AS ends" for way in ("ASC", "DESC")), [*given, *given])
        if not ends:
            return []
        first, last = (key.int for key in self.sort(ends))
        parts, at = [], self
        for share in shares:
            cut = uuid.UUID(int=first + int((last - first) * share))
            parts.append(replace(at, high=cut) if self.ascending else replace(at, low=cut))
            at = at.after(cut)
        return [*parts, at]

    def sort(self, keys: Iterable[uuid.UUID]) -> list[uuid.UUID]:
        """Ids in the order of the list."""
        return sorted(keys, reverse=not self.ascending)

    def holds(self, key: uuid.UUID) -> bool:
        """Whether that task is beyond `last`, whatever the other bounds."""
        return self.last is None or (key > self.last if self.ascending else key < self.last)


def stored(key: uuid.UUID) -> Any:
    """An id as the database keeps it."""
    return Task._meta.pk.get_db_prep_value(key, connection)


def keys(sql: str, params: Iterable[Any]) -> list[uuid.UUID]:
    """The ids that a query finds."""
    with connection.cursor() as cursor:
        cursor.execute(sql, list(params))
        return [key if isinstance(key, uuid.UUID) else uuid.UUID(key) for (key,) in cursor.fetchall()]
