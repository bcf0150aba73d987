"""What can be done with lanes and with caps of subjects: the use cases behind page, API, admin and commands."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count

from events.actions import record
from events.changes import differences
from events.context import current
from tasks import limits
from tasks.errors import BadLimit
from tasks.lanes import LANES
from tasks.models import Lane, SubjectCap, Task
from tasks.states import TaskState

LONGEST_PERIOD = 86400.0
MOST = 10_000


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """What a lane may be limited to; None for no limit. At most `rate` starts in any `period` seconds."""

    cap: int | None = None
    rate: int | None = None
    period: float | None = None


@dataclass(frozen=True, slots=True)
class LaneNumbers:
    """A lane with its limits, and how many of its tasks run and wait."""

    lane: Lane
    running: int
    queued: int


def lane(name: str) -> Lane:
    """The lane as it is; one without limits where none were ever set. Raises BadLimit for a name that is no lane's."""
    if name not in LANES:
        raise BadLimit(f"There is no lane {name[:40]!r}: use {', '.join(LANES)}.", "name")
    return Lane.objects.filter(pk=name).first() or Lane(name=name)


def lanes() -> list[Lane]:
    """Every lane, in the order in which workers prefer them."""
    rows = Lane.objects.in_bulk(LANES)
    return [rows.get(name) or Lane(name=name) for name in LANES]


def with_numbers(lanes: list[Lane]) -> list[LaneNumbers]:
    """These lanes with how many of their tasks run and wait; one query."""
    rows = Task.objects.filter(state__in=[TaskState.RUNNING, TaskState.QUEUED]).order_by()
    numbers = {(row["lane"], row["state"]): row["number"]
               for row in rows.values("lane", "state").annotate(number=Count("pk"))}
    return [LaneNumbers(lane, numbers.get((lane.name, TaskState.RUNNING), 0),
                        numbers.get((lane.name, TaskState.QUEUED), 0)) for lane in lanes]


def pause(name: str) -> Lane:
    """Start no task of the lane any more. What runs goes on."""
    return _change(name, "paused", paused=True, reason=f"Paused by {current().actor}."[:300])


def resume(name: str) -> Lane:
    """Start tasks of the lane again."""
    return _change(name, "resumed", paused=False, reason="")


def limit(name: str, wanted: LaneLimits) -> Lane:
    """Set the limits of the lane, all of them. Raises BadLimit(message, field)."""
    if wanted.cap is not None:
        _whole("cap", wanted.cap, MOST)
    if (wanted.rate is None) != (wanted.period is None):
        missing = "rate" if wanted.rate is None else "period"
        raise BadLimit("A rate is so many starts in so many seconds: give both rate and period.", missing)
    if wanted.rate is not None:
        _whole("rate", wanted.rate, Lane.MOST_STARTS)
        is_number = isinstance(wanted.period, int | float) and not isinstance(wanted.period, bool)
        if not is_number or not 0.1 <= wanted.period <= LONGEST_PERIOD:
            raise BadLimit(f"period must be from 0.1 to {LONGEST_PERIOD:g} seconds.", "period")
    return _change(name, "limited", cap=wanted.cap, rate=wanted.rate, period=wanted.period)


def cap_subject(prefix: str, cap: int) -> SubjectCap:
    """Let at most `cap` tasks run at a time whose subject begins with `prefix`. Raises BadLimit."""
    if not prefix or len(prefix) > 100 or "\0" in prefix:
        raise BadLimit("The prefix must be a text of 1 to 100 characters, such as projects.project:.", "prefix")
    _whole("cap", cap, MOST)
    with transaction.atomic():
        known = SubjectCap.objects.filter(prefix=prefix).first()
        row, _ = SubjectCap.objects.update_or_create(prefix=prefix, defaults={"cap": cap})
        told = differences({"cap": known.cap} if known else {}, {"cap": cap})
        record("lane.subject_capped", {"prefix": prefix, "cap": cap, **told})
        transaction.on_commit(limits.review)
    return row


def uncap_subject(prefix: str) -> None:
    """Take that cap away. Raises BadLimit when there is none."""
    with transaction.atomic():
        removed, _ = SubjectCap.objects.filter(prefix=prefix).delete()
        if not removed:
            raise BadLimit(f"There is no cap for subjects that begin with {prefix[:100]!r}.", "prefix")
        record("lane.subject_uncapped", {"prefix": prefix})
        transaction.on_commit(limits.review)


def _change(name: str, action: str, **fields: object) -> Lane:
    lane(name)
    with transaction.atomic():
        row, made = Lane.objects.select_for_update().get_or_create(pk=name)
        before = {field: getattr(row, field) for field in fields}
        if made or before != fields:
            for field, value in fields.items():
                setattr(row, field, value)
            row.save(update_fields=list(fields))
            facts = {field: value for field, value in fields.items() if field != "reason"}
            record(f"lane.{action}", {"lane": name, **facts, **differences(before, fields)})
        transaction.on_commit(limits.review)
    return row


def _whole(field: str, value: object, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise BadLimit(f"{field} must be a whole number from 1 to {most}.", field)
