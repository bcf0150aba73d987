"""What can be done with schedules: the use cases behind page, admin and command."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from events.actions import record
from events.changes import differences
from events.context import current
from tasks.actions import check, enqueue
from tasks.errors import BadTask
from tasks.job import Job, job_class
from tasks.models import Task
from tasks.schedules.errors import BadSchedule
from tasks.schedules.models import Overlap, Schedule
from tasks.schedules.runs import begin
from tasks.schedules.times import Rhythm, Unreadable, read_cron, read_interval, read_moment, read_zone

# What the audit log compares.
AUDITED = ("name", "job", "params", "lane", "priority", "cron", "every", "zone", "overlap")
CHANGEABLE = ("name", "job", "params", "lane", "priority", "cron", "interval", "zone", "overlap")


def create(*, name: str, job: str, params: dict[str, Any] | None = None, lane: str = "", priority: int = 5,
           cron: str = "", interval: str = "", zone: str = "UTC", overlap: str = Overlap.SKIP) -> Schedule:
    """A new schedule, by `cron` or `interval` (such as `15m`). It first runs at its next time. Raises BadSchedule."""
    schedule = Schedule(created_by=current().actor)
    _fill(schedule, name=name, job=job, params=params or {}, lane=lane, priority=priority, cron=cron, interval=interval,
          zone=zone, overlap=overlap)  # fmt: skip
    return _kept(schedule, "created")


def change(schedule: Schedule, **fields: Any) -> Schedule:
    """Change what is given, named as in `create`. Its next run is the next time from now. Raises BadSchedule."""
    if unknown := set(fields) - set(CHANGEABLE):
        raise TypeError(f"A schedule has no {', '.join(sorted(unknown))}.")
    before = {"cron": schedule.cron, "interval": "" if schedule.every is None else str(schedule.every)}
    same = {name: getattr(schedule, name) for name in CHANGEABLE if name != "interval"} | before
    # A new expression takes the place of an interval, and the other way round.
    if fields.get("cron") and "interval" not in fields:
        fields["interval"] = ""
    if fields.get("interval") and "cron" not in fields:
        fields["cron"] = ""
    _fill(schedule, **{**same, **fields})
    return _kept(schedule, "changed")


def once(*, job: str, at: str, zone: str = "UTC", params: dict[str, Any] | None = None, lane: str = "",
         priority: int = 5) -> Task:
    """A task that waits until a moment: ISO 8601, in `zone` when it names no offset. Raises BadSchedule."""
    with _readable():
        moment = read_moment(at, zone)
        return enqueue(_startable(job), params or {}, lane=lane or None, priority=priority, run_at=moment)


def pause(schedule: Schedule) -> None:
    """Run no more until it is resumed; what runs goes on. Nothing happens when it is paused already."""
    with transaction.atomic():
        fields = {"paused": True, "paused_by": current().actor, "next_run_at": None, "waiting": False}
        if Schedule.objects.filter(pk=schedule.pk, paused=False).update(**fields):
            _say(schedule, "paused")
    schedule.refresh_from_db()


def resume(schedule: Schedule) -> None:
    """Run again, from its next time on: what was missed while it was paused is not made up for."""
    with transaction.atomic():
        fields = {"paused": False, "paused_by": "", "problem": "", "next_run_at": schedule.rhythm.after(timezone.now())}
        if Schedule.objects.filter(pk=schedule.pk, paused=True).update(**fields):
            _say(schedule, "resumed")
    schedule.refresh_from_db()


def run_now(schedule: Schedule) -> Task | None:
    """Run it beside its times, also while it is paused. None when it waits for the last run to end.

    Raises StillRunning when the last run goes on and the schedule skips then, BadSchedule when its job will not start.
    """
    with transaction.atomic():
        # The row's lock: the scheduler cannot begin a run between our look and our task.
        Schedule.objects.filter(pk=schedule.pk).update(last_run_at=timezone.now())
        schedule.refresh_from_db()
        try:
            return begin(schedule, by_hand=True)
        except BadTask as error:
            raise BadSchedule(error.message, error.field) from None


def remove(schedule: Schedule) -> None:
    """Delete it. Its tasks stay, also those that wait or run."""
    with transaction.atomic():
        _say(schedule, "removed")
        schedule.delete()


def read_params(text: str) -> dict[str, Any]:
    """Parameters from JSON; an empty text is none. Raises BadSchedule."""
    try:
        params = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise BadSchedule(f"The parameters are not JSON: {error}.", "params") from None
    if not isinstance(params, dict):
        raise BadSchedule("The parameters must be a JSON object, such as {\"seconds\": 5}.", "params")
    return params


def written_params(params: dict[str, Any]) -> str:
    """Parameters as `read_params` reads them; empty when there are none."""
    return json.dumps(params, ensure_ascii=False, indent=2) if params else ""


def read_rhythm(cron: str, interval: str, zone: str) -> Rhythm:
    """When something is to run; one of `cron` and `interval` is empty. Raises BadSchedule."""
    if bool(cron.strip()) == bool(interval.strip()):
        both = ", not both" if cron.strip() else ""
        raise BadSchedule(f"Say when it is to run: by a cron expression or an interval{both}.", "cron")
    with _readable():
        if interval.strip():
            return Rhythm(every=read_interval(interval), zone=read_zone(zone))
        return Rhythm(cron=read_cron(cron), zone=read_zone(zone))


def _fill(schedule: Schedule, *, name: str, job: str, params: dict[str, Any], lane: str, priority: int, cron: str,
          interval: str, zone: str, overlap: str) -> None:
    name = " ".join(name.split())
    if not name or len(name) > 100 or not name.isprintable():
        raise BadSchedule("A schedule needs a name of at most 100 characters.", "name")
    rhythm = read_rhythm(cron, interval, zone)
    with _readable():
        params = check(_startable(job), params, priority=priority, lane=lane or None).params
    if overlap not in Overlap.values:
        raise BadSchedule(f"There is no overlap {str(overlap)[:40]!r}: use {', '.join(Overlap.values)}.", "overlap")
    now = timezone.now()
    unchanged = schedule.pk is not None and schedule.rhythm == rhythm
    schedule.name, schedule.job, schedule.params = name, job, params
    schedule.lane, schedule.priority, schedule.overlap = lane, priority, overlap
    schedule.cron, schedule.every, schedule.zone = rhythm.cron, rhythm.every, rhythm.zone
    schedule.problem = ""
    if not unchanged:
        schedule.next_run_at = None if schedule.paused else rhythm.after(now)


def _kept(schedule: Schedule, action: str) -> Schedule:
    new = schedule.pk is None
    # What the scheduler writes meanwhile is not written over.
    mine = ["name", "job", "params", "lane", "priority", "cron", "every", "zone", "overlap", "problem", "next_run_at"]
    before = {} if new else Schedule.objects.filter(pk=schedule.pk).values(*AUDITED).first() or {}
    try:
        with transaction.atomic():
            schedule.save(force_insert=new, update_fields=None if new else mine)
            _say(schedule, action, **differences(before, {name: getattr(schedule, name) for name in AUDITED}))
    except IntegrityError:
        if not Schedule.objects.filter(name=schedule.name).exclude(pk=schedule.pk).exists():
            raise
        raise BadSchedule(f"There is a schedule named “{schedule.name}” already.", "name") from None
    return schedule


def _startable(name: str) -> type[Job]:
    job = job_class(name)
    if job is None:
        raise BadSchedule(f"There is no job {name[:100]!r}.", "job")
    if not job.startable:
        raise BadSchedule(f"The job {name!r} cannot be started by itself.", "job")
    return job


def _say(schedule: Schedule, action: str, **more: Any) -> None:
    record(f"schedule.{action}", {"schedule": schedule.pk, "name": schedule.name, "job": schedule.job,
                                  "when": schedule.rhythm.words(), "zone": schedule.zone, **more})  # fmt: skip


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (Unreadable, BadTask) as error:
        field = "at" if error.field == "run_at" else error.field
        raise BadSchedule(error.message, field) from None
