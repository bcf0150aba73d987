"""The page that compares database and queue."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.access import require
from accounts.models import Role
from events.actions import record
from tasks.drift import comparison
from tasks.drift.counts import DAYS, counts

# A request must not hang: what lasts longer, as on another host, is left to watch.
PATIENCE = 5.0


@never_cache
@require_safe
@require(Role.ADMIN)
def page(request: HttpRequest) -> HttpResponse:
    """What does not fit now, and what was put right."""
    return render(request, "tasks/drift/page.html", _context())


@never_cache
@require_safe
@require(Role.ADMIN)
def findings(request: HttpRequest) -> HttpResponse:
    """The findings alone, for their poll."""
    return render(request, "tasks/drift/_findings.html", _context())


@require_POST
@require(Role.ADMIN)
def repair(request: HttpRequest) -> HttpResponse:
    """Put right what lasts, as watch does every two seconds."""
    record("audit.drift-repaired")
    done = comparison.repair(PATIENCE)
    for sentence in done[:5]:
        messages.success(request, sentence)
    if not done:
        messages.info(request, "There was nothing to put right.")
    return redirect("tasks:drift")


def _context() -> dict[str, Any]:
    return {"drift": comparison.compare(), "counts": counts(), "days": DAYS}
