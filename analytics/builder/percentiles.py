"""Exact percentiles, the same on both databases: what lies between two neighbours in order, as `percentile_cont`."""

from __future__ import annotations

from array import array
from functools import partial
from typing import Any

from django.db.models import Aggregate, FloatField

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
FUNCTION = "hub_percentile"


class Percentile(Aggregate):
    """The value below which that share of the values lies; NULL where there is none."""

    output_field = FloatField()

    def __init__(self, expression: Any, share: float):
        super().__init__(expression, share=share)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        return self.as_sql(compiler, connection, template=(
            "PERCENTILE_CONT(%(share)s) WITHIN GROUP (ORDER BY %(expressions)s)"), **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        return self.as_sql(compiler, connection, template=f"{FUNCTION}(%(expressions)s, %(share)s)", **context)


class _Values:
    """The aggregate for SQLite, which has none of its own: eight bytes for each value."""

    def __init__(self) -> None:
        self._values, self._share = array("d"), 0.5

    def step(self, value: float | None, share: float) -> None:
        if value is not None:
            self._values.append(value)
            self._share = share

    def finalize(self) -> float | None:
        if not self._values:
            return None
        ordered = sorted(self._values)
        place = self._share * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def provide(sender: Any, connection: Any, **_: Any) -> None:
    """Give a new connection to SQLite the function; PostgreSQL has its own."""
    if connection.vendor == "sqlite":
        connection.connection.create_aggregate(FUNCTION, 2, _Values)


# As the other measures are made: of an expression, with a word before its name.
MEASURES = {name: (partial(Percentile, share=share), "Median" if share == 0.5 else name)
            for name, share in SHARES.items()}
