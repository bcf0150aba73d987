"""Where in the list of all tasks a part begins, and how far it may reach."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection

from tasks.models import Task


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
