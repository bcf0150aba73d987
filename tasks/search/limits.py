"""No search takes longer than it may: what would is stopped in the database, which is told to nobody as a mistake."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction

from tasks.search.errors import TooBroad

# Steps of SQLite's machine between two looks at the clock: about a millisecond.
STEPS = 10_000
CANCELED = "57014"  # PostgreSQL's code for a statement that was stopped
# What PostgreSQL is told about searches: they never want to read all tasks where there is an index, and are over sooner
# than a statement is compiled.
PLANNED = {"enable_seqscan": "off", "jit": "off"}


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """What reads the database in here ends after so many seconds. Raises TooBroad then."""
    with _on_postgresql(seconds) if connection.vendor == "postgresql" else _on_sqlite(seconds):
        yield


@contextmanager
def _on_sqlite(seconds: float) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    connection.ensure_connection()
    database = connection.connection
    database.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
    try:
        yield
    except OperationalError as error:
        if str(error) == "interrupted":
            raise TooBroad(seconds) from None
        raise
    finally:
        database.set_progress_handler(None, STEPS)


@contextmanager
def _on_postgresql(seconds: float) -> Iterator[None]:
    try:
        # A savepoint where there is a transaction already: that must be able to go on.
        with transaction.atomic():
            _set({**PLANNED, "statement_timeout": f"{round(seconds * 1000)}"})
            yield
            _set(dict.fromkeys((*PLANNED, "statement_timeout"), "DEFAULT"))
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == CANCELED:
            raise TooBroad(seconds) from None
        raise


def _set(values: dict[str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("; ".join(f"SET LOCAL {name} = {value}" for name, value in values.items()))
