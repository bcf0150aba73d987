"""REST: how many workers each `bin/up` keeps."""

from __future__ import annotations

from datetime import datetime

from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema
from pydantic import ConfigDict

from accounts.api_auth import allow
from accounts.models import Role
from events.api_lists import ListOut, PartQuery, listed
from tasks.crews import actions as crews
from tasks.errors import BadLimit

router = Router(tags=["Workers"])


class CrewOut(Schema):
    """The workers of one `up`: `wanted` is decided by itself, between `fewest` and `most`, unless `fixed` by hand."""

    node: str
    wanted: int
    fixed: int | None
    note: str = Field(description="who set it by hand, and what for")
    fewest: int
    most: int
    reason: str = Field(description="why it was changed last")
    decided_at: datetime | None


class CrewList(ListOut):
    items: list[CrewOut]


class CrewIn(Schema):
    model_config = ConfigDict(extra="forbid")

    fixed: int | None = Field(strict=True, description="keep so many (1-64); null: as many as are needed")
    reason: str = Field("", description="what for (200 characters at most)")


@router.get("", response=CrewList, summary="List crews")
def list_crews(request: HttpRequest, query: Query[PartQuery]):
    """One for each node on which `bin/up` ever ran."""
    items = [crews.crew_dict(one) for one in crews.crews()]
    return listed(items, query, name="crews", key=lambda one: [one["node"]])


@router.patch("/{node}", response=CrewOut, auth=allow(Role.OPERATOR), summary="Scale workers by hand")
def change_crew(request: HttpRequest, node: str, body: CrewIn):
    """A number holds until it is taken back with null, whatever waits; workers that are too many finish their task."""
    try:
        changed = crews.release(node) if body.fixed is None else crews.fix(node, body.fixed, body.reason)
    except crews.NoSuchCrew as error:
        raise Http404(str(error)) from None
    except BadLimit as error:
        error.field = {"workers": "fixed"}.get(error.field, error.field)
        raise
    return crews.crew_dict(changed)
