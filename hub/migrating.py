"""Migrations of a PostgreSQL that is in use: whoever changes a table waits for those who use it, and all who come later
wait behind that. So a change waits for moments only, gives way, and comes again."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.core.management.base import CommandError
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

# Seconds that a change waits for a table, how often it tries, and how long it gives way after the first time (twice as
# long after each other).
LOCK_TIMEOUT, TRIES, PAUSE = 2.0, 5, 0.5
LOCKED = "55P03"
# As of a mail server that says "later": nothing is wrong with what was asked.
EXIT_LATER = 75
HOLDER = """
SELECT pid, coalesce(nullif(application_name, ''), usename), round(extract(epoch FROM now() - xact_start))
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
ORDER BY xact_start LIMIT 1
"""


def patiently(migrate: Callable[[], None], connection: BaseDatabaseWrapper, *, lock_timeout: float = LOCK_TIMEOUT,
              tries: int = TRIES) -> None:
    """Run what migrates. On PostgreSQL none of its statements waits longer for a table than `lock_timeout` seconds; it
    is begun again, `tries` times in all, where it left off: each migration that was done stays done. Raises
    CommandError, with the exit code 75, when somebody holds a table all that time."""
    if connection.vendor != "postgresql":
        migrate()
        return
    for number in range(tries):
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{int(lock_timeout * 1000)}ms"])
        try:
            migrate()
            return
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != LOCKED:
                raise
            if number + 1 == tries:
                raise CommandError(_told(connection), returncode=EXIT_LATER) from None
        finally:
            if connection.is_usable():
                with connection.cursor() as cursor:
                    cursor.execute("RESET lock_timeout")
        time.sleep(PAUSE * 2**number)


def _told(connection: BaseDatabaseWrapper) -> str:
    with connection.cursor() as cursor:
        cursor.execute(HOLDER)
        found = cursor.fetchone()
    who = f" The oldest is of {found[1]} (pid {found[0]}, {found[2]:.0f} s old)." if found else ""
    return ("A migration could not change a table, because transactions of others held it. What was done before stays "
            f"done; nothing else was changed.{who} Let it end, or end it by pg_terminate_backend, and migrate again.")
