"""The position of each fact in the stream: from 1, without a gap, and never changed.

A fact is written with what happened, in that transaction, and could not know its place: one that was begun before may
be committed after. So places are given afterwards, to what can be seen. What is committed late gets a later place, and
no reader that goes on from a place misses it.
"""

from __future__ import annotations

from django.db import connection, transaction

from events.models import Event, Mark

# So many get their place in one transaction.
BATCH = 500

_WAITING = "SELECT 1 FROM events_event WHERE position IS NULL LIMIT 1"
_LAST = "SELECT position FROM events_mark WHERE name = %s"
# Ids grow with time, so facts that become visible together are put in the order in which they were written.
_GIVE = """
    UPDATE events_event SET position = %s + waiting.place FROM (
        SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS place FROM (
            SELECT id FROM events_event WHERE position IS NULL ORDER BY id LIMIT %s
        ) AS oldest
    ) AS waiting WHERE events_event.id = waiting.id
"""
_KEEP = """
    INSERT INTO events_mark (name, position) VALUES (%s, %s)
    ON CONFLICT (name) DO UPDATE SET position = excluded.position
"""


def number(limit: int = BATCH) -> int:
    """Give the next positions to what waits, at most `limit`; returns how many got one.

    Two that number at once take turns: the mark is locked while positions are given.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        # Without a transaction, which would keep writers of SQLite waiting ten times a second for nothing.
        if cursor.fetchone() is None:
            return 0
    Mark.objects.get_or_create(name=Mark.GIVEN)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LAST + (" FOR UPDATE" if connection.features.has_select_for_update else ""), [Mark.GIVEN])
        last = cursor.fetchone()[0]
        cursor.execute(_GIVE, [last, limit])
        given = cursor.rowcount
        keep(Mark.GIVEN, last + given)
    return given


def last_position() -> int:
    """The position of the newest fact in the stream, 0 when there is none."""
    return mark(Mark.GIVEN)


def mark(name: str) -> int:
    """How far something has come, 0 when it has not begun."""
    with connection.cursor() as cursor:
        cursor.execute(_LAST, [name])
        found = cursor.fetchone()
    return found[0] if found else 0


def keep(name: str, position: int) -> None:
    """Remember how far something has come."""
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [name, position])


def after(position: int, limit: int = BATCH) -> list[Event]:
    """The facts that follow on a position, in their order."""
    return list(Event.objects.filter(position__gt=position).order_by("position")[:limit])
