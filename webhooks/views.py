"""The pages of webhooks. They only translate HTTP; what happens is in `webhooks.actions`."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import require
from accounts.models import Role
from events.keyset import Asked, BadPart, Part, take
from tasks.errors import TaskError
from webhooks import actions
from webhooks.errors import BadWebhook
from webhooks.models import Delivery, Subscription
from webhooks.presentation import log_of, view_of

FIELDS = ("name", "subject", "url")


@require_safe
@require(Role.VIEWER)
def webhook_list(request: HttpRequest) -> HttpResponse:
    """All of them by name."""
    return render(request, "webhooks/list.html", {"rows": [view_of(row) for row in Subscription.objects.all()]})


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.OPERATOR)
def new(request: HttpRequest) -> HttpResponse:
    """Make one; its secret is shown on its page, once."""
    given, refused = _given(request), None
    if request.method == "POST":
        try:
            row, made = actions.create(**given, secret=request.POST.get("secret", "").strip())
            return _with_secret(request, row, made)
        except BadWebhook as error:
            refused = error
    return render(request, "webhooks/new.html", {"given": given, "refused": refused}, status=422 if refused else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.VIEWER)
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One with what it was sent; for operators the form to change it."""
    row = _row(pk)
    return _change(request, row) if request.method == "POST" else _page(request, row)


@never_cache
@require_safe
@require(Role.VIEWER)
def log(request: HttpRequest, pk: int) -> HttpResponse:
    """What it was sent, newest first: the fragment of the page."""
    context = _log(request, _row(pk))
    if request.GET.get("v") == context["version"]:
        return HttpResponse(status=204)
    return render(request, "webhooks/_log.html", context)


@require_POST
@require(Role.OPERATOR)
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    """Send nothing until it is resumed."""
    row = actions.pause(_row(pk))
    messages.info(request, f"“{row.name}” is paused. What happens meanwhile is sent when you resume it.")
    return redirect(row)


@require_POST
@require(Role.OPERATOR)
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    """Go on where it stopped, at once."""
    row = actions.resume(_row(pk))
    messages.info(request, f"“{row.name}” goes on.")
    return redirect(row)


@require_POST
@require(Role.OPERATOR)
def skip(request: HttpRequest, pk: int) -> HttpResponse:
    """Leave out the event that was not taken (`position`), and go on after it."""
    row = _row(pk)
    try:
        text = request.POST.get("position", "")
        row = actions.go_on_after(row, int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1)
        row = actions.resume(row)
        messages.info(request, f"“{row.name}” goes on after position {row.position}.")
    except BadWebhook as error:
        messages.warning(request, error.message)
    return redirect(row)


@require_POST
@require(Role.OPERATOR)
def secret(request: HttpRequest, pk: int) -> HttpResponse:
    """Another secret, shown once."""
    row = _row(pk)
    return _with_secret(request, row, actions.change_secret(row))


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.OPERATOR)
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then delete it with its log."""
    row = _row(pk)
    if request.method != "POST":
        return render(request, "webhooks/delete.html", {"row": row})
    name = row.name
    actions.remove(row)
    messages.info(request, f"“{name}” is deleted.")
    return redirect("webhooks:list")


@require_POST
@require(Role.OPERATOR)
def replay(request: HttpRequest, pk: int, delivery: int) -> HttpResponse:
    """Send the event of a delivery once more."""
    row = get_object_or_404(Delivery.objects.select_related("subscription"), pk=delivery, subscription=pk)
    try:
        actions.send_again(row)
        messages.info(request, "The event is sent once more.")
    except TaskError as error:
        messages.warning(request, error.message)
    return redirect(row.subscription)


@require(Role.OPERATOR)
def _change(request: HttpRequest, row: Subscription) -> HttpResponse:
    given = _given(request)
    try:
        row = actions.change(row, **given)
    except BadWebhook as error:
        return _page(request, _row(row.pk), {"given": given, "refused": error}, status=422)
    messages.success(request, f"“{row.name}” is changed.")
    return redirect(row)


def _with_secret(request: HttpRequest, row: Subscription, made: str) -> HttpResponse:
    # Not kept in the session, where it would lie: this answer is the one that has it.
    response = _page(request, row, {"secret": made})
    response["Cache-Control"] = "no-store"
    return response


def _page(request: HttpRequest, row: Subscription, more: dict[str, Any] | None = None, status: int = 200
          ) -> HttpResponse:
    context = {"given": {name: getattr(row, name) for name in FIELDS}, "refused": None, "secret": "",
               "view": view_of(row), **_log(request, row), **(more or {})}
    return render(request, "webhooks/detail.html", context, status=status)


def _log(request: HttpRequest, row: Subscription) -> dict[str, Any]:
    try:
        asked = Asked.read(request.GET, limit=25)
        part = take(row.deliveries.all(), limit=asked.limit, cursor=asked.cursor)
    except BadPart:
        part = Part([], None)
    return {"row": row, "log": log_of(part.items), "older": part.next_cursor, "newest": "cursor" in request.GET,
            "version": str(part.items[0].pk if part.items else 0)}


def _given(request: HttpRequest) -> dict[str, str]:
    return {name: request.POST.get(name, "").strip() for name in FIELDS}


def _row(pk: int) -> Subscription:
    return get_object_or_404(Subscription, pk=pk)
