"""REST: the lanes and their limits."""

from __future__ import annotations

from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema
from pydantic import ConfigDict

from accounts.api_auth import allow
from accounts.models import Role
from events.api_lists import ListOut, PartQuery, listed
from tasks import lane_actions
from tasks.lane_actions import LaneLimits
from tasks.lanes import LANES
from tasks.models import Lane

router = Router(tags=["Lanes"])


class LaneOut(Schema):
    """A lane, how many of its tasks run and wait, and its limits; null where there is none."""

    name: str
    running: int
    queued: int
    paused: bool
    cap: int | None = Field(description="how many of its tasks may run at a time")
    rate: int | None = Field(description="how many may start in any `period`")
    period: float | None = Field(description="seconds")


class LaneList(ListOut):
    items: list[LaneOut]


class LaneIn(Schema):
    """What is not given stays; null takes a limit away."""

    model_config = ConfigDict(extra="forbid")

    paused: bool | None = Field(None, strict=True)
    cap: int | None = Field(None, strict=True)
    rate: int | None = Field(None, strict=True)
    period: float | None = Field(None, strict=True)


@router.get("", response=LaneList, summary="List lanes")
def list_lanes(request: HttpRequest, query: Query[PartQuery]):
    """In the order in which workers prefer them."""
    return listed(_dicts(lane_actions.lanes()), query, name="lanes", key=lambda one: [LANES.index(one["name"])])


@router.patch("/{name}", response=LaneOut, auth=allow(Role.OPERATOR), summary="Pause, resume or limit a lane")
def change_lane(request: HttpRequest, name: str, body: LaneIn):
    """A paused lane starts no task; what runs goes on."""
    if name not in LANES:
        raise Http404(f"There is no lane {name[:40]}.")
    given = body.dict(exclude_unset=True)
    lane = lane_actions.lane(name)
    if given.keys() & {"cap", "rate", "period"}:
        lane = lane_actions.limit(name, LaneLimits(**{
            field: given.get(field, getattr(lane, field)) for field in ("cap", "rate", "period")
        }))
    if given.get("paused") is not None and given["paused"] != lane.paused:
        lane = lane_actions.pause(name) if given["paused"] else lane_actions.resume(name)
    return _dicts([lane])[0]


def _dicts(lanes: list[Lane]) -> list[dict]:
    return [
        {"name": one.lane.name, "running": one.running, "queued": one.queued, "paused": one.lane.paused,
         "cap": one.lane.cap, "rate": one.lane.rate, "period": one.lane.period}
        for one in lane_actions.with_numbers(lanes)
    ]
