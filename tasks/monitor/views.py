"""The monitor's page. What it shows is one snapshot for everybody who looks: see `tasks.monitor.shared`."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.access import require
from accounts.models import Role
from accounts.roles import at_least, role_of
from tasks.monitor.ended import RANGES
from tasks.monitor.presentation import context, fragment
from tasks.monitor.shared import latest
from tasks.presentation import version_of

USUAL = "hour"


@never_cache
@require_safe
@require(Role.VIEWER)
def page(request: HttpRequest) -> HttpResponse:
    """Workers, lanes, throughput and failures, and what runs; `?range=minute|hour|day` is that of the chart."""
    snapshot, chosen = latest(), range_of(request)
    version = version_of([snapshot["version"], chosen, may_operate(request)])
    return render(request, "tasks/monitor/page.html", context(snapshot, chosen) | {"version": version})


@never_cache
@require_safe
@require(Role.VIEWER)
def live(request: HttpRequest) -> HttpResponse:
    """All of it that changes, for the poll; 204 while it looks as in version `?v=`."""
    version, html = fragment(range_of(request), may_operate(request))
    if request.GET.get("v") == version:
        return HttpResponse(status=204)
    return HttpResponse(html)


def range_of(request: HttpRequest) -> str:
    """The range that is asked for, the usual one when there is no such."""
    chosen = request.GET.get("range", USUAL)
    return chosen if chosen in RANGES else USUAL


def may_operate(request: HttpRequest) -> bool:
    """Whether who asks sees the buttons."""
    return at_least(role_of(request.user), Role.OPERATOR)
