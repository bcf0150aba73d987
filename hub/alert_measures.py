"""Measures of projects and of sign-ins for alerts: only this room knows them."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from alerts.registry import YES_OR_NO, Measure, Reading, Readings, Scope, register
from events.charts.units import count
from events.ids import earliest
from events.models import Event
from events.subjects import own
from events.words import span
from projects.models import Project, Service
from projects.states import ProjectState

# Restarts are remembered for so many seconds: no rule looks back further.
LONGEST = 3600


def _restarts(scope: Scope) -> Readings:
    """How often each service was restarted in the window. Its count begins anew when its stack is started."""
    memory: dict[str, Any] = scope.memory
    counts, seen = memory.get("counts", {}), memory.setdefault("seen", {})
    now, found, known = scope.now.timestamp(), {}, {}
    rows = Service.objects.filter(restarts__gt=0).values_list("pk", "restarts", "name", "project__name")
    for pk, restarts, name, project in rows:
        key = str(pk)
        known[key] = restarts
        # What happened before the first pass of all was nobody's to see.
        before = counts.get(key, 0 if "counts" in memory else restarts)
        new = restarts - before if restarts >= before else restarts
        if new:
            seen.setdefault(key, []).append([now, new])
        found[key] = f"{project}/{name}"
    memory["counts"] = known
    memory["seen"] = {key: kept for key, times in seen.items()
                      if (kept := [one for one in times if now - one[0] <= LONGEST])}
    since = now - min(scope.window, LONGEST)
    sums = {key: sum(number for at, number in times if at > since) for key, times in memory["seen"].items()}
    return {found[key]: Reading(number, f"in {span(scope.window)}") for key, number in sums.items()
            if number and key in found}


def _failed(scope: Scope) -> Readings:
    rows = Project.objects.filter(state=ProjectState.FAILED).values_list("name", "reason")
    return {name: Reading(1, reason[:200]) for name, reason in rows}


def _sign_ins_held_off(scope: Scope) -> Readings:
    """How often sign-in was closed in the window, by whom it was closed to: an address, or one name from everywhere."""
    facts = Event.objects.filter(subject=f"{own()}audit.sign-in-limited",
                                 id__gte=earliest(scope.now - timedelta(seconds=scope.window)))
    times = Counter(f"with the name {fact['user']}" if fact["closed"] == "name" else f"from {fact['address']}"
                    for fact in facts.values_list("payload", flat=True))
    return {who: Reading(number, f"in {span(scope.window)}") for who, number in times.items()}


register(
    Measure("services.restarts", "Restarts", count("restarts"), "restarts",
            "How often a service was restarted in the window (an hour at most), for each service.", _restarts,
            windowed=True),
    Measure("projects.failed", "The project has failed", YES_OR_NO, "1 or 0", "1 for each project that has failed.",
            _failed),
    Measure("sign_in.held_off", "Sign-ins held off", count("times"), "times",
            "How often sign-in was closed after too many failures in the window, for each address or name.",
            _sign_ins_held_off, windowed=True),
)
