"""When tasks were created, as their ids know it: an id begins with the millisecond in which it was made, so that the
tasks of some days stand side by side in the order of every list.

A task whose id was made at another time than its row says is *misdated* (an import, a clock that was put back). An
index holds these alone, and they are asked one by one.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import BooleanField, Func

# Milliseconds that may lie between the two.
SLACK = 2000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_OF_ALL = uuid.UUID(int=(1 << 128) - 1)


class Misdated(Func):
    """Whether an id was made more than two seconds before or after the row's `created_at`. Its text is the same
    wherever it stands, for only then the index is used."""

    output_field = BooleanField()
    conditional = True
    arity = 2

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        (key, one), (moment, other) = map(compiler.compile, self.source_expressions)
        made = (f"CAST(strftime('%%s', substr({moment}, 1, 19)) AS INTEGER) * 1000"
                f" + CAST(substr({moment}, 21, 3) AS INTEGER)")
        return (f"(substr({key}, 1, 12) NOT BETWEEN printf('%%012x', {made} - {SLACK})"
                f" AND printf('%%012x', {made} + {SLACK}))", [*one, *other, *other, *other, *other])

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        (key, one), (moment, other) = map(compiler.compile, self.source_expressions)
        made = f"FLOOR(EXTRACT(EPOCH FROM ({moment} - TIMESTAMPTZ '1970-01-01 00:00:00+00')) * 1000)::bigint"
        low = f"(LPAD(TO_HEX(GREATEST({made} - {SLACK}, 0)), 12, '0') || REPEAT('0', 20))::uuid"
        high = f"(LPAD(TO_HEX(GREATEST({made} + {SLACK}, 0)), 12, '0') || REPEAT('f', 20))::uuid"
        return f"({key} NOT BETWEEN {low} AND {high})", [*one, *other, *other]


def span(tests: Iterable[tuple[str, datetime]]) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    """The lowest and the highest id of a task that was created so (`[("gte", moment), ("lt", moment)]`) and is not
    misdated."""
    low = high = None
    for lookup, moment in tests:
        stamp = (moment - EPOCH) // timedelta(milliseconds=1)
        if lookup in ("gte", "gt"):
            first = uuid.UUID(int=max(stamp - SLACK - 1, 0) << 80)
            low = first if low is None else max(low, first)
        else:
            last = uuid.UUID(int=(max(stamp + SLACK + 2, 0) << 80) - 1) if stamp + SLACK + 2 > 0 else uuid.UUID(int=0)
            high = last if high is None else min(high, last)
    return low, high
