"""The triggers that tell analytics which tasks have ended, and which ended ones were removed.

They cost an end one row and no round trip, and miss nobody: the runner, the rescuer, cancels, bulk operations and hand
made SQL all pass here. Attempts are closed after the task in the same transaction, so one that is open ends with it.
"""

from __future__ import annotations

from typing import Any

from django.db import connection

from tasks.states import ENDED

COLUMNS = ("job", "lane", "priority", "subject", "state", "created_at", "run_at", "ready_at", "started_at",
           "finished_at")
STATES = ", ".join(f"'{state}'" for state in sorted(ENDED))
HAS_ENDED = f"NEW.state IN ({STATES}) AND OLD.state NOT IN ({STATES}) AND NEW.finished_at IS NOT NULL"
WAS_ENDED = f"OLD.state IN ({STATES}) AND OLD.finished_at IS NOT NULL"
# Of a moment that SQLite keeps as text, in microseconds: see tasks.search.lengths.
MOMENT = ("(CAST(ROUND(julianday(substr({0}, 1, 19)) * 86400.0) AS INTEGER) * 1000000"
          " + CAST(substr({0}, 21, 6) AS INTEGER))")
TRIED = "FROM tasks_attempt WHERE task_id = NEW.id"
NOTE = (f"INSERT INTO analytics_uncounted (task, {', '.join(COLUMNS)}, worker, busy) SELECT NEW.id,"
        f" {', '.join(f'NEW.{column}' for column in COLUMNS)},"
        f" COALESCE((SELECT worker {TRIED} ORDER BY number DESC LIMIT 1), ''),"
        f" COALESCE((SELECT SUM({{length}}) {TRIED}), 0)")
REMOVED = ("INSERT INTO analytics_removed (day, number) VALUES ({day}, 1)"
           " ON CONFLICT (day) DO UPDATE SET number = analytics_removed.number + 1")

ENDS = "COALESCE(ended_at, NEW.finished_at)"
SQLITE_NOTE = NOTE.format(length=f"{MOMENT.format(ENDS)} - {MOMENT.format('started_at')}")
SQLITE_REMOVED = REMOVED.format(day="substr(OLD.finished_at, 1, 10)")
SQLITE = (
    f"CREATE TRIGGER IF NOT EXISTS analytics_task_ended AFTER UPDATE OF state ON tasks_task WHEN {HAS_ENDED}"
    f" BEGIN {SQLITE_NOTE}; END",
    f"CREATE TRIGGER IF NOT EXISTS analytics_task_removed AFTER DELETE ON tasks_task WHEN {WAS_ENDED}"
    f" BEGIN {SQLITE_REMOVED}; END",
)
POSTGRESQL_NOTE = NOTE.format(length=f"(EXTRACT(EPOCH FROM ({ENDS} - started_at)) * 1000000)::bigint")
POSTGRESQL_REMOVED = REMOVED.format(day="(OLD.finished_at AT TIME ZONE 'UTC')::date")
POSTGRESQL = (
    "CREATE OR REPLACE FUNCTION analytics_task_ended() RETURNS trigger LANGUAGE plpgsql AS $$"
    f" BEGIN {POSTGRESQL_NOTE}; RETURN NULL; END $$",
    "CREATE OR REPLACE TRIGGER analytics_task_ended AFTER UPDATE OF state ON tasks_task FOR EACH ROW"
    f" WHEN ({HAS_ENDED}) EXECUTE FUNCTION analytics_task_ended()",
    "CREATE OR REPLACE FUNCTION analytics_task_removed() RETURNS trigger LANGUAGE plpgsql AS $$"
    f" BEGIN {POSTGRESQL_REMOVED}; RETURN NULL; END $$",
    "CREATE OR REPLACE TRIGGER analytics_task_removed AFTER DELETE ON tasks_task FOR EACH ROW"
    f" WHEN ({WAS_ENDED}) EXECUTE FUNCTION analytics_task_removed()",
)
SQLITE_BACK = ("DROP TRIGGER IF EXISTS analytics_task_ended", "DROP TRIGGER IF EXISTS analytics_task_removed")
POSTGRESQL_BACK = (
    "DROP TRIGGER IF EXISTS analytics_task_ended ON tasks_task",
    "DROP TRIGGER IF EXISTS analytics_task_removed ON tasks_task",
    "DROP FUNCTION IF EXISTS analytics_task_ended", "DROP FUNCTION IF EXISTS analytics_task_removed",
)


def create(connection: Any) -> None:
    """Make what is not there. Again after every migration."""
    _run(connection, POSTGRESQL if connection.vendor == "postgresql" else SQLITE)


def note_all(connection: Any) -> None:
    """Note all tasks that have ended, as if they had just done so. For a Hub that had none of this."""
    note = POSTGRESQL_NOTE if connection.vendor == "postgresql" else SQLITE_NOTE
    _run(connection, (f"{note} FROM tasks_task AS NEW WHERE NEW.state IN ({STATES}) AND NEW.finished_at IS NOT NULL"
                      " ORDER BY NEW.id",))


def ended_between() -> str:
    """SQL that reads tasks that ended from one moment on and before another, as rows of `Uncounted`."""
    note = POSTGRESQL_NOTE if connection.vendor == "postgresql" else SQLITE_NOTE
    _, _, read = note.partition(" SELECT ")
    read = read.replace("NEW.id", "0 AS id, NEW.id AS task", 1)
    worker, busy = "LIMIT 1), '')", ", 0)"
    read = read.replace(worker, f"{worker} AS worker", 1)
    read = f"{read.removesuffix(busy)}{busy} AS busy"
    return (f"SELECT {read} FROM tasks_task AS NEW WHERE NEW.finished_at >= %s AND NEW.finished_at < %s"
            f" AND NEW.state IN ({STATES})")


def remove(connection: Any) -> None:
    """Remove all of it."""
    _run(connection, POSTGRESQL_BACK if connection.vendor == "postgresql" else SQLITE_BACK)


def _run(connection: Any, statements: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
