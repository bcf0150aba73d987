"""REST: what runs again and again."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema, Status
from pydantic import ConfigDict

from accounts.api_auth import allow
from accounts.models import Role
from events.api_lists import ListOut, ListQuery
from events.keyset import take
from tasks.masking import masked
from tasks.schedules import actions
from tasks.schedules.models import Overlap, Schedule
from tasks.schedules.times import written
from tasks.shapes import accepted_dict

router = Router(tags=["Schedules"])
OPERATOR = allow(Role.OPERATOR)
RUNS = 5


class ScheduleOut(Schema):
    """Either `cron` or `interval` (such as `15m`) is set. `waiting`: a run is due as soon as the last one has ended;
    `problem`: why the last run could not begin, empty when it could."""

    id: int
    name: str
    job: str
    params: dict[str, Any] = Field(description="secrets masked")
    lane: str = Field(description="empty for the job's own")
    priority: int
    cron: str
    interval: str
    zone: str
    overlap: Overlap = Field(description="what happens when it is time and the last run has not ended")
    paused: bool
    paused_by: str
    waiting: bool
    problem: str
    next_runs: list[datetime] = Field(description="the next five; none while it is paused")
    last_run_at: datetime | None
    last_task: UUID | None
    created_by: str
    created_at: datetime


class ScheduleList(ListOut):
    items: list[ScheduleOut]


class ScheduleChange(Schema):
    """What is left out stays as it is. A new `cron` takes the place of an `interval`, and the other way round."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("", max_length=200)
    job: str = Field("", max_length=100, description="one that may be started by itself, such as demo.sleep")
    params: dict[str, Any] = {}
    lane: str = Field("", max_length=32)
    priority: int = Field(5, strict=True, ge=1, le=10)
    cron: str = Field("", max_length=200, description="five fields: minute, hour, day, month, day of the week")
    interval: str = Field("", max_length=40, description="such as 90s, 15m, 2h or 1d")
    zone: str = Field("UTC", max_length=64, description="a time zone, such as Europe/Zurich")
    overlap: Overlap = Overlap.SKIP

    def given(self) -> dict[str, Any]:
        """Only what the request named."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class ScheduleIn(ScheduleChange):
    """Give `cron` or `interval`."""

    name: str = Field(max_length=200)
    job: str = Field(max_length=100, description="one that may be started by itself, such as demo.sleep")


class RunOut(Schema):
    """`task_id` is null when it begins as soon as the last run has ended."""

    task_id: UUID | None
    status: str
    message: str


class TimesQuery(Schema):
    cron: str = Field("", max_length=200)
    interval: str = Field("", max_length=40)
    zone: str = Field("UTC", max_length=64)
    count: int = Field(RUNS, ge=1, le=50)


class TimesOut(Schema):
    runs: list[datetime]


@router.get("", response=ScheduleList, summary="List schedules")
def list_schedules(request: HttpRequest, query: Query[ListQuery]):
    part = take(Schedule.objects.all(), limit=query.limit, cursor=query.cursor, ascending=query.order == "asc")
    return {"items": [_shaped(one) for one in part.items], "next_cursor": part.next_cursor}


@router.post("", response={201: ScheduleOut}, auth=OPERATOR, summary="Make a schedule")
def create_schedule(request: HttpRequest, body: ScheduleIn):
    """It first runs at its next time. For one run at a time, use `run_at` of `POST /api/tasks`."""
    return Status(201, _shaped(actions.create(**body.given())))


@router.get("/next", response=TimesOut, summary="When something would run")
def show_times(request: HttpRequest, query: Query[TimesQuery]):
    """The next times of a `cron` expression or an `interval`."""
    rhythm = actions.read_rhythm(query.cron, query.interval, query.zone)
    return {"runs": rhythm.following(timezone.now(), query.count)}


@router.get("/{schedule_id}", response=ScheduleOut, summary="Show a schedule")
def show_schedule(request: HttpRequest, schedule_id: int):
    return _shaped(_schedule(schedule_id))


@router.patch("/{schedule_id}", response=ScheduleOut, auth=OPERATOR, summary="Change a schedule")
def change_schedule(request: HttpRequest, schedule_id: int, body: ScheduleChange):
    """Its next run is the next time from now."""
    return _shaped(actions.change(_schedule(schedule_id), **body.given()))


@router.delete("/{schedule_id}", response={204: None}, auth=OPERATOR, summary="Delete a schedule")
def delete_schedule(request: HttpRequest, schedule_id: int):
    """Its tasks stay, also those that wait or run."""
    actions.remove(_schedule(schedule_id))
    return Status(204, None)


@router.post("/{schedule_id}/pause", response=ScheduleOut, auth=OPERATOR, summary="Pause a schedule")
def pause_schedule(request: HttpRequest, schedule_id: int):
    """It runs no more until it is resumed; what runs goes on."""
    schedule = _schedule(schedule_id)
    actions.pause(schedule)
    return _shaped(schedule)


@router.post("/{schedule_id}/resume", response=ScheduleOut, auth=OPERATOR, summary="Resume a schedule")
def resume_schedule(request: HttpRequest, schedule_id: int):
    """It runs again from its next time on; what was missed is not made up for."""
    schedule = _schedule(schedule_id)
    actions.resume(schedule)
    return _shaped(schedule)


@router.post("/{schedule_id}/run", response={202: RunOut}, auth=OPERATOR, summary="Run a schedule now")
def run_schedule(request: HttpRequest, schedule_id: int):
    """Beside its times, also while it is paused. 409 when the last run goes on and the schedule skips then."""
    schedule = _schedule(schedule_id)
    task = actions.run_now(schedule)
    if task is None:
        return Status(202, {"task_id": None, "status": "waiting",
                            "message": f"{schedule.name} runs as soon as its last run has ended."})
    return Status(202, accepted_dict(task))


def _schedule(schedule_id: int) -> Schedule:
    try:
        return Schedule.objects.get(pk=schedule_id)
    except Schedule.DoesNotExist:
        raise Http404(f"There is no schedule {schedule_id}.") from None


def _shaped(one: Schedule) -> dict[str, Any]:
    return {
        "id": one.pk, "name": one.name, "job": one.job, "params": masked(one.params), "lane": one.lane,
        "priority": one.priority, "cron": one.cron, "interval": "" if one.every is None else written(one.every),
        "zone": one.zone, "overlap": one.overlap, "paused": one.paused, "paused_by": one.paused_by,
        "waiting": one.waiting, "problem": one.problem, "next_runs": one.next_runs(RUNS),
        "last_run_at": one.last_run_at, "last_task": one.last_task_id, "created_by": one.created_by,
        "created_at": one.created_at,
    }  # fmt: skip
