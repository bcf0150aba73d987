"""Finds events, newest or oldest first, at a cost that does not grow with history."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from events.keyset import DEFAULT_LIMIT, Part, cut, last_of
from events.models import BY_PEOPLE, Event
from events.relay.numbering import last_position
from events.subjects import Pattern

# So many different subjects are looked through for those of a pattern, and so many of them asked one by one.
MOST_SUBJECTS, MOST_ASKED = 2000, 150
# So many positions are looked through for what is new.
LOOKED = 2000
# An id is made a moment after the event's time; a clock that was set back may have stretched that moment.
STRETCH = timedelta(minutes=1)

# From one subject to the next in the index, however many events have it.
_SUBJECTS = """
    WITH RECURSIVE known(subject) AS (
        SELECT MIN(subject) FROM events_event
        UNION ALL
        SELECT (SELECT MIN(subject) FROM events_event WHERE subject > known.subject) FROM known
        WHERE known.subject IS NOT NULL
    ) SELECT subject FROM known WHERE subject IS NOT NULL LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: those that meet all of it. `since` and `until` are both included; `by_people`: only what somebody
    did, by page, API, admin site or command."""

    pattern: Pattern | None = None
    since: datetime | None = None
    until: datetime | None = None
    correlation_id: uuid.UUID | None = None
    actor: str = ""
    about: str = ""
    by_people: bool = False


def find(wanted: Wanted, *, limit: int = DEFAULT_LIMIT, cursor: str = "", ascending: bool = False) -> Part:
    """A part of them by keyset. Raises BadCursor."""
    last = last_of(Event, cursor, ascending)
    rows = _narrowed(wanted)
    if last is not None:
        rows = rows.filter(**{"pk__gt" if ascending else "pk__lt": last})
    rows = rows.order_by("pk" if ascending else "-pk")
    return cut(Event, list(_of_pattern(wanted, rows, limit + 1)), limit, ascending)


def newer(wanted: Wanted, position: int, limit: int = DEFAULT_LIMIT) -> tuple[list[Event], int]:
    """The newest of those that came into the stream after a position, newest first, and the position that was looked at
    last. Of what came, the newest LOOKED are looked at."""
    last = last_position()
    rows = _narrowed(wanted).filter(position__gt=max(position, last - LOOKED), position__lte=last)
    if wanted.pattern is not None and not wanted.pattern.is_everything:
        rows = rows.filter(wanted.pattern.condition)
    return list(rows.order_by("-position")[:limit]) if last > position else [], last


def _narrowed(wanted: Wanted) -> QuerySet[Event]:
    """All conditions but the pattern. Ids grow with time, so they bound a period in every index."""
    rows = Event.objects.all()
    for name in ("correlation_id", "actor", "about"):
        if value := getattr(wanted, name):
            rows = rows.filter(**{name: value})
    if wanted.by_people:
        # Written out, so that the databases see that their small index of these is enough.
        rows = rows.extra(where=[f"origin IN ({', '.join(map(repr, BY_PEOPLE))})"])
    if wanted.since is not None:
        rows = rows.filter(timestamp__gte=wanted.since, pk__gte=_first_id(wanted.since))
    if wanted.until is not None:
        rows = rows.filter(timestamp__lte=wanted.until, pk__lt=_first_id(wanted.until, STRETCH))
    return rows


def _of_pattern(wanted: Wanted, rows: QuerySet[Event], count: int) -> QuerySet[Event] | list[Event]:
    pattern = wanted.pattern
    if pattern is None or pattern.is_everything:
        return rows[:count]
    if pattern.is_exact or wanted.by_people or wanted.correlation_id or wanted.actor or wanted.about:
        return rows.filter(pattern.condition)[:count]
    known = _subjects()
    found = [subject for subject in known if pattern.matches(subject)]
    if len(known) > MOST_SUBJECTS or len(found) > MOST_ASKED:
        return rows.filter(pattern.condition)[:count]
    if len(found) == len(known):
        return rows[:count]
    if not found:
        return []
    if len(found) == 1:
        return rows.filter(subject=found[0])[:count]
    return _merged(rows, found, count)


def _merged(rows: QuerySet[Event], subjects: list[str], count: int) -> list[Event]:
    """The first of each subject, straight from the index, and of these the first of all."""
    order = rows.query.order_by
    parts: list[str] = []
    params: list[Any] = []
    for subject in subjects:
        sql, given = rows.filter(subject=subject).values("pk")[:count].query.sql_with_params()
        parts.append(f"SELECT * FROM ({sql}) AS one")
        params += given
    direction = "DESC" if order[0].startswith("-") else "ASC"
    with connection.cursor() as cursor:
        cursor.execute(f"{' UNION ALL '.join(parts)} ORDER BY 1 {direction} LIMIT {int(count)}", params)
        keys = [row[0] for row in cursor.fetchall()]
    return list(Event.objects.filter(pk__in=keys).order_by(*order))


def _subjects() -> list[str]:
    """All subjects that any event has; one more than MOST_SUBJECTS where there are more."""
    with connection.cursor() as cursor:
        cursor.execute(_SUBJECTS, [MOST_SUBJECTS + 1])
        return [row[0] for row in cursor.fetchall()]


def _first_id(moment: datetime, later: timedelta = timedelta()) -> uuid.UUID:
    """No id made from then on is smaller. Years before 1970 and after 10889 have no ids of their own."""
    milliseconds = int(moment.timestamp() * 1000) + int(later.total_seconds() * 1000)
    return uuid.UUID(int=min(max(milliseconds, 0), (1 << 48) - 1) << 80)
