"""How long it was from one moment to another, as the databases know it: in whole microseconds, so that both agree.

Indexes of the model hold these lengths, so what is asked for has to be written as it is there.
"""

from __future__ import annotations

from typing import Any

from django.db.models import BigIntegerField, F, Func
from django.db.models.functions import Coalesce, Greatest


class Microseconds(Func):
    """From one moment to another."""

    output_field = BigIntegerField()
    arity = 2
    # Both databases give whole numbers: nothing is to be done to each of a million rows.
    convert_value = staticmethod(Func._convert_value_noop)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        # Moments are texts there, such as 2026-11-05 12:00:00.123456; the end is left out where it is 0. Whole seconds
        # and the rest apart: SQLite knows no more than milliseconds.
        whole = "CAST(ROUND(julianday(substr({0}, 1, 19)) * 86400.0) AS INTEGER)"
        one = f"({whole} * 1000000 + CAST(substr({{0}}, 21, 6) AS INTEGER))"
        (first, before), (second, after) = map(compiler.compile, self.source_expressions)
        return f"({one.format(second)} - {one.format(first)})", [*after, *after, *before, *before]

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        (first, before), (second, after) = map(compiler.compile, self.source_expressions)
        return f"(EXTRACT(EPOCH FROM ({second} - {first})) * 1000000)::bigint", [*after, *before]


def waited() -> Microseconds:
    """From when a task could have run until it did; see `Task.wait`."""
    could = Coalesce(F("ready_at"), Greatest(F("created_at"), Coalesce(F("run_at"), F("created_at"))))
    return Microseconds(could, F("started_at"))


def ran() -> Microseconds:
    """From the first start of a task until it ended."""
    return Microseconds(F("started_at"), F("finished_at"))
