"""REST: the hosts that work for this Hub."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from events.api_lists import ListOut, PartQuery, listed
from tasks.nodes.registry import nodes

router = Router(tags=["Workers"])


class NodeOut(Schema):
    """`answers`: anything of it is alive; `watched`: its `watch` is; `well`: both that, and somebody works there."""

    name: str
    host: str
    here: bool = Field(description="the request was answered there")
    answers: bool
    watched: bool
    well: bool
    workers: int | None = Field(description="how many are alive; null while Redis does not answer")
    seen_at: datetime | None
    watch_age: float | None = Field(description="seconds since its `watch` was heard of")


class NodeList(ListOut):
    items: list[NodeOut]


@router.get("", response=NodeList, summary="List nodes")
def list_nodes(request: HttpRequest, query: Query[PartQuery]):
    """Every host that was ever heard of, by name."""
    items = [{"name": one.name, "host": one.host.partition("/")[0], "here": one.is_here, "answers": one.answers,
              "watched": one.is_watched, "well": one.is_well, "workers": one.workers, "seen_at": one.seen_at,
              "watch_age": one.watch_age} for one in nodes()]
    return listed(items, query, name="nodes", key=lambda one: [one["name"]])
