"""The pages of alerts. They only translate HTTP; what happens is in `alerts.actions`."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.access import require
from accounts.models import Role
from alerts import actions, presentation
from alerts.errors import AlertError
from alerts.models import Alert, Rule
from alerts.sentences import condition
from alerts.states import AlertState
from events.keyset import Asked, BadPart, Part, take


@require_safe
@require(Role.VIEWER)
def overview(request: HttpRequest) -> HttpResponse:
    """What fires, what did, and every rule with its last reading."""
    return render(request, "alerts/list.html", presentation.overview())


@never_cache
@require_safe
@require(Role.VIEWER)
def live(request: HttpRequest) -> HttpResponse:
    """The same without its frame, for its poll; 204 while it is as in version `?v=`."""
    context = presentation.overview()
    if request.GET.get("v") == context["version"]:
        return HttpResponse(status=204)
    return render(request, "alerts/_live.html", context)


@never_cache
@require_safe
@require(Role.VIEWER)
def banner(request: HttpRequest) -> HttpResponse:
    """The banner of all pages, for its poll; 204 while it is as in version `?v=`."""
    found = presentation.banner()
    if request.GET.get("v") == found["version"]:
        return HttpResponse(status=204)
    return render(request, "alerts/_banner.html", {"firing": found})


@require_safe
@require(Role.VIEWER)
def history(request: HttpRequest) -> HttpResponse:
    """All alerts that fired, newest first; `?rule=` only those of one rule."""
    problem, part, status, rule = "", Part([], None), 200, None
    found = Alert.objects.exclude(fired_at=None).select_related("rule")
    text = request.GET.get("rule", "")
    if text:
        rule = get_object_or_404(Rule, pk=text if text.isascii() and text.isdigit() and len(text) < 18 else 0)
        found = found.filter(rule=rule)
    try:
        asked = Asked.read(request.GET)
        part = take(found, limit=asked.limit, cursor=asked.cursor)
    except BadPart as error:
        problem, status = str(error), 400
    context = {"rows": [presentation.row_of(one) for one in part.items], "older": part.next_cursor, "problem": problem,
               "rule": rule}
    return render(request, "alerts/history.html", context, status=status)


@require_safe
@require(Role.VIEWER)
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One alert: what happened when, and who was told."""
    alert = get_object_or_404(Alert.objects.select_related("rule"), pk=pk)
    context = {"row": presentation.row_of(alert), "alert": alert,
               "condition": condition(alert.rule) if alert.rule else "",
               "told": alert.notifications.select_related("channel"),
               "before": Alert.objects.filter(rule=alert.rule, target=alert.target, state=AlertState.RESOLVED,
                                              pk__lt=pk)[:5] if alert.rule else []}
    return render(request, "alerts/detail.html", context)


@require_POST
@require(Role.OPERATOR)
def acknowledge(request: HttpRequest, pk: int) -> HttpResponse:
    """Say that somebody looks after it."""
    alert = get_object_or_404(Alert, pk=pk)
    try:
        actions.acknowledge(alert)
        messages.success(request, f"You look after “{alert}”. It has left the banner.")
    except AlertError as error:
        messages.warning(request, error.message)
    return redirect(alert if request.POST.get("to") == "detail" else "alerts:list")
