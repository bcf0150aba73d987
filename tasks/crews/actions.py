"""What can be done with the number of workers: the use cases behind page, API, command and `watch`."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from events.actions import record
from events.context import current
from events.times import iso
from tasks.crews.models import MOST, Crew
from tasks.errors import BadLimit

LONGEST_REASON = 200


class NoSuchCrew(LookupError):
    """No `up` has ever kept workers on a node of that name."""


def crews() -> list[Crew]:
    """Every crew, by its node."""
    return list(Crew.objects.all())


def crew(node: str) -> Crew:
    """The workers of the `up` on that node. Raises NoSuchCrew."""
    found = Crew.objects.filter(pk=node).first()
    if found is None:
        raise NoSuchCrew(f"No bin/up keeps workers on a node named {node[:64]!r}.")
    return found


def fixed_number(node: str) -> int | None:
    """How many were set by hand there; None where that was not done."""
    return Crew.objects.filter(pk=node).values_list("fixed", flat=True).first()


def sentence(found: Crew) -> str:
    """How many it keeps, and what decides that."""
    if found.fixed is not None:
        until_now = "" if found.fixed == found.wanted else f" ({found.wanted} until now)"
        return f"{workers_of(found.fixed)}, set by hand{until_now}"
    if found.fewest == found.most:
        return f"{workers_of(found.wanted)}, always"
    return f"{workers_of(found.wanted)}, as many as are needed from {found.fewest} to {found.most}"


def crew_dict(found: Crew) -> dict[str, Any]:
    """A crew as the API and the command give it."""
    return {
        "node": found.node,
        "wanted": found.wanted,
        "fixed": found.fixed,
        "note": found.note,
        "fewest": found.fewest,
        "most": found.most,
        "reason": found.reason,
        "decided_at": iso(found.decided_at),
    }


def fix(node: str, number: int, reason: str = "") -> Crew:
    """Keep so many workers there, whatever waits, until it is released. Raises NoSuchCrew, and BadLimit with the
    field: workers or reason."""
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MOST:
        raise BadLimit(f"The number of workers must be a whole number from 1 to {MOST}.", "workers")
    reason = reason.strip()
    if len(reason) > LONGEST_REASON or "\0" in reason:
        raise BadLimit(f"The reason must be a text of at most {LONGEST_REASON} characters.", "reason")
    by = f"Set by hand by {current().actor}"[:190]
    return _change(node, "fixed", number, f"{by}: {reason}" if reason else f"{by}.")


def release(node: str) -> Crew:
    """Let the number follow the load again, between the bounds of that `up`. Raises NoSuchCrew."""
    return _change(node, "released", None, "")


def decided(node: str, *, fewest: int, most: int, wanted: int, reason: str = "") -> None:
    """Write what the `watch` of a node has decided; with a reason it is another number than before, and an event.

    What is set by hand at the same moment stays.
    """
    known: dict[str, Any] = {"fewest": fewest, "most": most, "wanted": wanted}
    if reason:
        known |= {"reason": reason[:400], "decided_at": timezone.now()}
    with transaction.atomic():
        Crew.objects.update_or_create(pk=node, defaults=known)
        if reason:
            record("worker.scaled", {"workers": wanted, "reason": reason, "node": node})


def workers_of(number: int) -> str:
    """So many workers, in words."""
    return f"{number} worker{'s' if number != 1 else ''}"


def _change(node: str, action: str, fixed: int | None, note: str) -> Crew:
    with transaction.atomic():
        found = Crew.objects.select_for_update().filter(pk=node).first()
        if found is None:
            raise NoSuchCrew(f"No bin/up keeps workers on a node named {node[:64]!r}.")
        if (found.fixed, found.note) != (fixed, note):
            before, found.fixed, found.note = found.fixed, fixed, note
            found.save(update_fields=["fixed", "note"])
            record(f"worker.{action}", {"node": node, "workers": fixed, "before": before, "reason": note})
    return found
