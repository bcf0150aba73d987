"""The monitor's page. What it shows is one snapshot for everybody who looks: see `tasks.monitor.shared`."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from accounts.access import require
from accounts.models import Role
from accounts.roles import at_least, role_of
from events.streams import event_stream
from tasks.crews.presentation import crew_context
from tasks.monitor.ended import RANGES
from tasks.monitor.feed import Part, follow
from tasks.monitor.presentation import context, fragment
from tasks.monitor.shared import latest

USUAL = "hour"
# Who listens is asked again so often (seconds) who they are: who has signed out hears no more after that.
LIFE = 60


@never_cache
@require_safe
@require(Role.VIEWER)
def page(request: HttpRequest) -> HttpResponse:
    """Workers, lanes, throughput and failures, and what runs; `?range=minute|hour|day` is that of the chart."""
    shown = context(latest(), range_of(request), may_operate(request))
    return render(request, "tasks/monitor/page.html", shown | crew_context())


@never_cache
@require_safe
@require(Role.VIEWER)
def live(request: HttpRequest) -> HttpResponse:
    """All of it that changes, for the poll; 204 while it looks as in version `?v=`."""
    version, html = fragment(range_of(request), may_operate(request))
    if request.GET.get("v") == version:
        return HttpResponse(status=204)
    return HttpResponse(html)


@never_cache
@require_GET
@require(Role.VIEWER)
def stream(request: HttpRequest) -> HttpResponse:
    """The same as server-sent events, one for each change; nothing first when it looks as in version `?v=`, or as in
    the one that the browser names when it comes again."""
    last = request.headers.get("Last-Event-ID") or request.GET.get("v", "")
    return event_stream(follow(Part(range_of(request), may_operate(request)), last), LIFE)


def range_of(request: HttpRequest) -> str:
    """The range that is asked for, the usual one when there is no such."""
    chosen = request.GET.get("range", USUAL)
    return chosen if chosen in RANGES else USUAL


def may_operate(request: HttpRequest) -> bool:
    """Whether who asks sees the buttons."""
    return at_least(role_of(request.user), Role.OPERATOR)
