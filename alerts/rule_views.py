"""The pages of rules."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import require
from accounts.models import Role
from alerts import actions
from alerts.errors import AlertError
from alerts.forms import EMPTY, read_rule, rule_texts
from alerts.models import Alert, Channel, Rule
from alerts.presentation import row_of
from alerts.registry import measures
from alerts.sentences import condition, length
from tasks.lanes import LANES

MUTES = (("1 h", "1 hour"), ("4 h", "4 hours"), ("1 d", "1 day"), ("7 d", "1 week"))
RECENT = 10


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.OPERATOR)
def new(request: HttpRequest) -> HttpResponse:
    """Make a rule on any measure; `?measure=` chooses it."""
    problem, field = "", ""
    if request.method == "POST":
        try:
            made = actions.create_rule(read_rule(request.POST))
            messages.success(request, f"“{made.name}” is looked at from now on.")
            return redirect("alerts:list")
        except AlertError as error:
            problem, field = error.message, error.field
    texts = EMPTY | {"measure": request.GET.get("measure", "tasks.failure_rate")}
    return _form(request, "alerts/rule_new.html", texts, problem, field, {})


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.VIEWER)
def rule(request: HttpRequest, pk: int) -> HttpResponse:
    """One rule: when it fires, when it did, and for operators the form to change it."""
    found = get_object_or_404(Rule.objects.prefetch_related("channels"), pk=pk)
    problem, field = "", ""
    if request.method == "POST":
        return _change(request, found)
    return _form(request, "alerts/rule.html", rule_texts(found), problem, field, _about(found))


@require(Role.OPERATOR)
def _change(request: HttpRequest, found: Rule) -> HttpResponse:
    try:
        actions.change_rule(found, read_rule(request.POST, found.measure if found.builtin else ""))
        messages.success(request, f"“{found.name}” is changed.")
        return redirect(found)
    except AlertError as error:
        kept = get_object_or_404(Rule, pk=found.pk)
        return _form(request, "alerts/rule.html", rule_texts(kept), error.message, error.field, _about(kept))


@require_POST
@require(Role.OPERATOR)
def mute(request: HttpRequest, pk: int) -> HttpResponse:
    """Tell nobody for `length`, such as 4 h."""
    found = get_object_or_404(Rule, pk=pk)
    try:
        seconds = length(request.POST.get("length", ""), "length", 90 * 86400)
        actions.mute(found, timezone.now() + timedelta(seconds=seconds))
        messages.success(request, f"“{found.name}” is muted until {found.muted_until:%Y-%m-%d %H:%M} UTC.")
    except AlertError as error:
        messages.warning(request, error.message)
    return redirect(found)


@require_POST
@require(Role.OPERATOR)
def unmute(request: HttpRequest, pk: int) -> HttpResponse:
    """Tell people again."""
    found = get_object_or_404(Rule, pk=pk)
    try:
        actions.unmute(found)
        messages.success(request, f"“{found.name}” is not muted any more.")
    except AlertError as error:
        messages.warning(request, error.message)
    return redirect(found)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.OPERATOR)
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a rule of people's own."""
    found = get_object_or_404(Rule, pk=pk)
    if request.method == "POST":
        try:
            actions.remove_rule(found)
            messages.success(request, f"“{found.name}” is deleted.")
            return redirect("alerts:list")
        except AlertError as error:
            messages.warning(request, error.message)
            return redirect(found)
    return render(request, "alerts/delete.html", {
        "what": found, "name": found.name, "back": found.get_absolute_url(), "kind": "rule",
        "goes": "The rule: what it raised is resolved", "stays": "Its history"})


def _about(found: Rule) -> dict[str, Any]:
    recent = Alert.objects.filter(rule=found).exclude(fired_at=None).select_related("rule")[:RECENT]
    return {"rule": found, "condition": condition(found), "is_muted": found.is_muted(), "mutes": MUTES,
            "recent": [row_of(one) for one in recent]}


def _form(request: HttpRequest, template: str, texts: dict[str, Any], problem: str, field: str,
          more: dict[str, Any]) -> HttpResponse:
    if request.method == "POST":
        texts = {**texts, "enabled": "", **request.POST.dict(), "channels": request.POST.getlist("channels")}
    context = {"texts": texts, "problem": problem, "field": field, "measures": measures(), "lanes": LANES,
               "channels": [(one, str(one.pk) in texts.get("channels", [])) for one in Channel.objects.all()]}
    return render(request, template, context | more, status=422 if problem else 200)
