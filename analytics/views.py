"""The pages of analytics. They only translate HTTP; what they show is made beside."""

from __future__ import annotations

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from accounts.access import require
from accounts.models import Role
from analytics import overview as first
from analytics.asked import Asked
from analytics.caching import remembered


@require_safe
@require(Role.VIEWER)
def overview(request: HttpRequest) -> HttpResponse:
    """How tasks do: `?since=&until=`."""
    now = timezone.now()
    asked = Asked.read(request.GET, now)
    shown = remembered("overview", asked.question, Q(dimension="all"), lambda: render_to_string(
        "analytics/_overview.html", first.figures(asked)))
    context = {"tab": "overview", "shown": mark_safe(shown), "live": first.live(now), **asked.context()}
    return render(request, "analytics/overview.html", context, status=asked.status)
