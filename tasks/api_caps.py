"""REST: how many tasks may run at a time on subjects of one kind."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status
from ninja.errors import HttpError
from pydantic import ConfigDict

from accounts.api_auth import allow
from accounts.models import Role
from events.api_lists import ListOut, PartQuery, listed
from tasks import lane_actions
from tasks.models import SubjectCap

router = Router(tags=["Lanes"])
OPERATOR = allow(Role.OPERATOR)


class CapOut(Schema):
    """At most `cap` tasks run at a time whose subject begins with `prefix`."""

    prefix: str
    cap: int


class CapList(ListOut):
    items: list[CapOut]


class CapIn(Schema):
    model_config = ConfigDict(extra="forbid")

    prefix: str = Field(max_length=100, description="such as projects.project:")
    cap: int = Field(strict=True, description="1 to 10,000")


@router.get("", response=CapList, summary="List caps of subjects")
def list_caps(request: HttpRequest, query: Query[PartQuery]):
    return listed(SubjectCap.objects.all(), query, name="caps", key=lambda one: [one.prefix])


@router.put("", response=CapOut, auth=OPERATOR, summary="Cap subjects")
def cap_subjects(request: HttpRequest, body: CapIn):
    """Sets the cap of a prefix, or another one in its place."""
    return lane_actions.cap_subject(body.prefix, body.cap)


@router.delete("", response={204: None}, auth=OPERATOR, summary="Take a cap away")
def uncap_subjects(request: HttpRequest, prefix: str = Query(..., max_length=200)):
    if not SubjectCap.objects.filter(prefix=prefix).exists():
        raise HttpError(404, "There is no cap for this prefix.")
    lane_actions.uncap_subject(prefix)
    return Status(204, None)
