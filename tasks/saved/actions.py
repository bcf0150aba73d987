"""What a person can do with the views that are theirs."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import QueryDict
from django.utils.http import urlencode

from events.actions import record
from events.changes import differences
from tasks.errors import BadTask
from tasks.filters import Filters
from tasks.saved.models import SavedView

MOST = 50


def views_of(owner: User) -> list[SavedView]:
    """The views of a person, by name."""
    return list(SavedView.objects.filter(owner=owner))


def save(owner: User, name: str, query: str) -> SavedView:
    """Keep the filters of an address under a name. Raises BadTask for a name that cannot be, or is there already, for
    filters that are not understood, and for more than fifty views."""
    if SavedView.objects.filter(owner=owner).count() >= MOST:
        raise BadTask(f"You have {MOST} views already: delete one first.", "name")
    return _written(SavedView(owner=owner, name=_checked(name), query=_understood(query)))


def rename(view: SavedView, name: str) -> SavedView:
    """Raises BadTask as `save`."""
    before, view.name = view.name, _checked(name)
    return _written(view, before)


def remove(view: SavedView) -> None:
    """Forget it; its address goes on to work."""
    with transaction.atomic():
        record("audit.view-deleted", {"view": view.pk, "name": view.name, "query": view.query})
        view.delete()


def _checked(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= 60 or "\0" in name:
        raise BadTask("The name of a view has 1 to 60 characters.", "name")
    return name


def _understood(query: str) -> str:
    try:
        filters = Filters.read(QueryDict(query[:8000]))
    except ValueError:  # more fields than Django reads
        raise BadTask("These filters are not understood.", "query") from None
    if filters.problem:
        raise BadTask(filters.problem, "query")
    kept = urlencode({**filters.wanted, **filters.asked.given()})
    if not kept or len(kept) > SavedView._meta.get_field("query").max_length:
        raise BadTask("Search or filter first: then there is a view to save." if not kept else
                      "These filters are too long to be saved.", "query")
    return kept


def _written(view: SavedView, before: str = "") -> SavedView:
    action, old = ("view-renamed", {"name": before}) if before else ("view-saved", {})
    try:
        with transaction.atomic():
            view.save()
            told = differences(old, {"name": view.name} if before else {"name": view.name, "query": view.query})
            record(f"audit.{action}", {"view": view.pk, "name": view.name, **told})
    except IntegrityError:
        raise BadTask(f"You have a view named “{view.name}” already.", "name") from None
    return view
