"""The pages of channels."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import require
from accounts.models import Role
from alerts import channel_actions
from alerts.channels.registry import KINDS
from alerts.errors import AlertError, Undelivered
from alerts.forms import read_config
from alerts.models import Channel, Notification

RECENT = 20


@require_safe
@require(Role.VIEWER)
def channel_list(request: HttpRequest) -> HttpResponse:
    """All channels, and the last messages."""
    recent = Notification.objects.select_related("alert", "channel").order_by("-id")[:RECENT]
    return render(request, "alerts/channels.html", {
        "rows": [(one, KINDS.get(one.kind)) for one in Channel.objects.all()], "kinds": KINDS.values(),
        "recent": recent})


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.ADMIN)
def new(request: HttpRequest) -> HttpResponse:
    """Make a channel of the kind `?kind=`."""
    key = request.POST.get("kind") or request.GET.get("kind", "")
    key = key if key in KINDS else next(iter(KINDS))
    problem, field = "", ""
    if request.method == "POST":
        try:
            made = channel_actions.create(request.POST.get("name", ""), key, read_config(request.POST, key))
            messages.success(request, f"“{made.name}” is there. Send a test message to see that it works.")
            return redirect(made)
        except AlertError as error:
            problem, field = error.message, error.field
    return _form(request, "alerts/channel_new.html", key, problem, field, {"kinds": KINDS.values()})


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.ADMIN)
def channel(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a channel."""
    found = get_object_or_404(Channel, pk=pk)
    problem, field = "", ""
    if request.method == "POST":
        try:
            channel_actions.change(found, name=request.POST.get("name", ""),
                                   enabled=request.POST.get("enabled") == "on",
                                   config=read_config(request.POST, found.kind))
            messages.success(request, f"“{found.name}” is changed.")
            return redirect(found)
        except AlertError as error:
            problem, field = error.message, error.field
    kept = get_object_or_404(Channel, pk=pk)
    return _form(request, "alerts/channel.html", found.kind, problem, field, {
        "channel": kept, "recent": kept.notifications.select_related("alert").order_by("-id")[:RECENT]})


@require_POST
@require(Role.OPERATOR)
def test(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a message through it now."""
    found = get_object_or_404(Channel, pk=pk)
    try:
        channel_actions.test(found)
        messages.success(request, f"“{found.name}” has taken the test message.")
    except Undelivered as error:
        messages.error(request, f"“{found.name}” did not take it: {error.message}")
    return redirect("alerts:channels")


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.ADMIN)
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a channel."""
    found = get_object_or_404(Channel, pk=pk)
    if request.method == "POST":
        channel_actions.remove(found)
        messages.success(request, f"“{found.name}” is deleted.")
        return redirect("alerts:channels")
    return render(request, "alerts/delete.html", {
        "what": found, "name": found.name, "back": found.get_absolute_url(), "kind": "channel",
        "goes": "The channel, and the messages that wait for it", "stays": "Rules and alerts"})


def _form(request: HttpRequest, template: str, key: str, problem: str, field: str,
          more: dict[str, Any]) -> HttpResponse:
    kind, kept = KINDS.get(key), more.get("channel")
    config = channel_actions.shown_config(kept) if kept else {}
    if request.method == "POST":
        # A secret is not sent back to the page.
        config |= {one.name: text for one in (kind.fields if kind else ())
                   if not one.secret and (text := request.POST.get(f"config-{one.name}")) is not None}
    name = request.POST.get("name", kept.name if kept else "")
    fields = [(one, config.get(one.name, "")) for one in (kind.fields if kind else ())]
    context = {"kind": kind, "fields": fields, "name": name, "problem": problem, "field": field}
    return render(request, template, context | more, status=422 if problem else 200)
