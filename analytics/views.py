"""The pages of analytics. They only translate HTTP; what they show is made beside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.access import require
from accounts.models import Role
from analytics import comparing, detail, trends
from analytics import distributions as spreads
from analytics import overview as first
from analytics import performance as own
from analytics.asked import Asked
from analytics.caching import remembered
from analytics.models import Series


@require_safe
@require(Role.VIEWER)
def overview(request: HttpRequest) -> HttpResponse:
    """How tasks do: `?since=&until=`."""
    now = timezone.now()
    asked = Asked.read(request.GET, now)
    shown = _shown("overview", asked, [], Q(dimension="all"), lambda: first.figures(asked, now))
    return _page(request, "overview", asked, {"shown": shown, "live": first.live(now)})


@require_safe
@require(Role.VIEWER)
def trend(request: HttpRequest) -> HttpResponse:
    """A measure over any range, beside the period before: `?since=&until=&measure=&by=&key=`."""
    asked = Asked.read(request.GET, timezone.now(), "7d")
    wish = trends.Wish.read(request.GET)
    shown = _shown("trends", asked, [wish.measure, *wish.chosen], wish.of.condition,
                   lambda: trends.figures(asked, wish))
    return _page(request, "trends", asked, {"shown": shown, **trends.choices(wish)}, **wish.kept)


@require_safe
@require(Role.VIEWER)
def distributions(request: HttpRequest) -> HttpResponse:
    """Tasks by state, lane, priority, worker and hour of the week: `?since=&until=`."""
    now = timezone.now()
    asked = Asked.read(request.GET, now, "30d")
    of = Q(dimension__in=("all", "lane", "priority", "worker"))
    return _page(request, "distributions", asked,
                 {"shown": _shown("distributions", asked, [], of, lambda: spreads.figures(asked, now))})


@require_safe
@require(Role.VIEWER)
def jobs(request: HttpRequest) -> HttpResponse:
    """Jobs and projects beside the period before: `?since=&until=`."""
    now = timezone.now()
    asked = Asked.read(request.GET, now, "7d")
    shown = _shown("jobs", asked, [], Q(dimension__in=("job", "project")), lambda: comparing.figures(asked, now))
    return _page(request, "jobs", asked, {"shown": shown})


@require_safe
@require(Role.VIEWER)
def job(request: HttpRequest, name: str) -> HttpResponse:
    """One job, and why: `?since=&until=`."""
    return _detail(request, job=name)


@require_safe
@require(Role.VIEWER)
def project(request: HttpRequest, number: int) -> HttpResponse:
    """One project, or with `?job=` that job on it, and why: `?since=&until=`."""
    return _detail(request, project=str(number), job=request.GET.get("job", "")[:100])


@never_cache
@require_safe
@require(Role.VIEWER)
def performance(request: HttpRequest) -> HttpResponse:
    """How Hub itself does: `?since=&until=`."""
    now = timezone.now()
    # There is a series for each view: from a day on hours are read, not minutes.
    asked = Asked.read(request.GET, now, most=own.POINTS)
    context = {"shown": render_to_string("analytics/_performance.html", own.figures(asked)), "live": own.sizes()}
    return _page(request, "performance", asked, context)


def _detail(request: HttpRequest, **which: str) -> HttpResponse:
    of = detail.slice_of(**which)
    if not Series.objects.filter(of.condition).exists():
        raise Http404("No task of this has ended yet.")
    now = timezone.now()
    asked = Asked.read(request.GET, now, "7d")
    shown = _shown("detail", asked, [of.dimension, of.key], of.condition,
                   lambda: detail.figures(asked, now, **which))
    context = {"shown": shown, "name": detail.name_of(**which), "of": of, **which,
               "project_name": detail.name_of(project=which["project"]) if which.get("project") else ""}
    return _page(request, "detail", asked, context, job=which["job"] if which.get("project") else "")


def _shown(name: str, asked: Asked, question: list[str], of: Q, figures: Callable[[], dict[str, Any]]) -> SafeString:
    """The part of a page that is made of roll-ups, from the cache where nothing has changed."""
    return mark_safe(remembered(name, [*asked.question, *question], of,
                                lambda: render_to_string(f"analytics/_{name}.html", figures())))


def _page(request: HttpRequest, tab: str, asked: Asked, context: dict[str, Any], **kept: str) -> HttpResponse:
    shown = {"tab": "jobs" if tab == "detail" else tab, **asked.context(**kept), **context}
    return render(request, f"analytics/{tab}.html", shown, status=asked.status)
