"""Which rows exist for the actor of the request at hand: those about projects that they may see.

What is about a project says so by its name, `projects.project:<number>`: a task as its subject, a fact as its `about`.
The managers of projects, tasks and events are the one door: `objects` finds what exists for the actor, `everything` all
there is, for what must not depend on who asks.
"""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, QuerySet

from events.context import current

Row = TypeVar("Row", bound=Model)
PROJECT = "projects.project:"


def names_of(projects: frozenset[int]) -> list[str]:
    """The names by which tasks and facts are about these projects."""
    return [f"{PROJECT}{number}" for number in sorted(projects)]


def seen_by_actor(rows: QuerySet[Row], column: str) -> QuerySet[Row]:
    """Those of the rows that exist for the actor; `column` holds the name of what a row is about."""
    return _about(rows, column, current().projects)


def looked_at_by_actor(rows: QuerySet[Row], column: str) -> QuerySet[Row]:
    """Those of the rows that the actor may look at, also where what they do here is not allowed on them."""
    return _about(rows, column, current().looked_at)


def _about(rows: QuerySet[Row], column: str, projects: frozenset[int] | None) -> QuerySet[Row]:
    return rows if projects is None else rows.filter(**{f"{column}__in": names_of(projects)})
