"""REST: the saved views of whoever is signed in. A key is nobody's, and has none."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema, Status
from ninja.errors import HttpError
from pydantic import ConfigDict

from events.api_lists import ListOut, ListQuery
from events.keyset import take
from tasks.saved import actions
from tasks.saved.models import SavedView

router = Router(tags=["Tasks"])


class ViewOut(Schema):
    """`query`: the filters, as they stand in the address of the tasks page."""

    id: int
    name: str
    query: str
    created_at: datetime


class ViewList(ListOut):
    items: list[ViewOut]


class NameIn(Schema):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=200)


class ViewIn(NameIn):
    query: str = Field(max_length=8000, description="such as state=failed&q=job:demo.sleep")


@router.get("", response=ViewList, summary="List saved views")
def list_saved_views(request: HttpRequest, query: Query[ListQuery]):
    """One's own. 403 for a key."""
    views = SavedView.objects.filter(owner=_owner(request))
    part = take(views, limit=query.limit, cursor=query.cursor, ascending=query.order == "asc")
    return {"items": part.items, "next_cursor": part.next_cursor}


@router.post("", response={201: ViewOut}, summary="Save a view")
def save_view(request: HttpRequest, body: ViewIn):
    """Keep filters under a name; fifty at most."""
    return Status(201, actions.save(_owner(request), body.name, body.query))


@router.patch("/{view_id}", response=ViewOut, summary="Rename a saved view")
def rename_view(request: HttpRequest, view_id: int, body: NameIn):
    return actions.rename(_view(request, view_id), body.name)


@router.delete("/{view_id}", response={204: None}, summary="Delete a saved view")
def delete_view(request: HttpRequest, view_id: int):
    """Its address goes on to work."""
    actions.remove(_view(request, view_id))
    return Status(204, None)


def _owner(request: HttpRequest) -> Any:
    # With a key, `auth` is that key, whoever else is signed in beside it.
    if request.auth != request.user:
        raise HttpError(403, "Saved views belong to people: sign in, a key has none.")
    return request.user


def _view(request: HttpRequest, view_id: int) -> SavedView:
    try:
        return SavedView.objects.get(pk=view_id, owner=_owner(request))
    except SavedView.DoesNotExist:
        raise Http404(f"You have no view {view_id}.") from None
