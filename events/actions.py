"""Writing and reading facts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from events.context import correlation_id, current
from events.models import Event
from events.statements import insertion, run
from events.subjects import ACTION, BadSubject, Pattern, own

# So many facts are removed in one transaction.
BATCH = 500


def record(action: str, payload: dict[str, Any] | None = None, *, about: str = "") -> Event:
    """Write a fact in the caller's transaction; it is gone when that rolls back. See `fact`."""
    event = fact(action, payload, about=about)
    run(insertion(event))
    return event


def fact(action: str, payload: dict[str, Any] | None = None, *, about: str = "") -> Event:
    """A fact that is not written yet.

    `action` is `<domain>.<action>[...]`, such as `project.started`, `about` what it happened to. Actor, origin and
    correlation id are those in force.
    """
    if not ACTION.fullmatch(action):
        raise BadSubject(f"{action!r} is no subject: use <domain>.<action>, of letters, digits, '-' and '_'.")
    origin = current()
    return Event(
        subject=f"{own()}{action}",
        about=about,
        origin=origin.via,
        actor=origin.actor,
        address=origin.address,
        correlation_id=correlation_id(),
        payload=payload or {},
        timestamp=timezone.now(),
    )


def prune_before(moment: datetime, domain: str = "", others: Iterable[str] = ()) -> Iterator[int]:
    """Remove the facts of a domain that are older than a moment, or without one those of all domains but `others`.

    Each step is one short transaction, and yields how many it removed: who iterates may rest in between.
    """
    old = Event._base_manager.filter(timestamp__lt=moment).order_by("pk")
    if domain:
        old = old.filter(subject__begins=f"{own()}{domain}.")
    for other in others:
        old = old.exclude(subject__begins=f"{own()}{other}.")
    while keys := list(old.values_list("pk", flat=True)[:BATCH]):
        yield Event._base_manager.filter(pk__in=keys).delete()[0]
        # Those that stay are not looked at again at each step.
        old = old.filter(pk__gt=keys[-1])


def matching(pattern: str, events: QuerySet[Event] | None = None) -> QuerySet[Event]:
    """Events whose subject matches: `*` stands for one token, `>` at the end for one or more. Raises BadSubject."""
    return (Event.objects.all() if events is None else events).filter(Pattern.read(pattern).condition)
