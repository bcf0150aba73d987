"""The page of the keys of scripts."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.access import require
from accounts.actions import AccountError, make_key, revoke_key, rotate_key
from accounts.grants import projects_by_number
from accounts.models import ApiKey, Role
from accounts.permissions import Scope

LIVES = {"30": "30 days", "90": "90 days", "365": "a year", "": "until it is revoked"}
ENDED = 20


@never_cache
@require_safe
@require(Role.ADMIN)
def key_list(request: HttpRequest) -> HttpResponse:
    """Keys in force, and those that ended last."""
    return _page(request)


@never_cache
@require_POST
@require(Role.ADMIN)
def create(request: HttpRequest) -> HttpResponse:
    """A key with `name`, `scope`s, `project`s (none: all), `life` in days and `payloads`; its text is on this answer
    and nowhere else."""
    sent = request.POST
    try:
        projects = [int(number) for number in sent.getlist("project")] if "some" in sent else None
        if projects is not None and not set(projects) <= set(projects_by_number()):
            raise AccountError("Choose projects that are there.")
        if not sent.getlist("scope"):
            raise AccountError("Choose what the key may do.")
        life = sent.get("life", "")
        if life not in LIVES:
            raise AccountError("Choose how long the key is good.")
        key, plain = make_key(
            sent.get("name", ""), created_by=request.user.get_username(), scopes=sent.getlist("scope"),
            projects=projects, payloads="payloads" in sent,
            expires_at=timezone.now() + timedelta(days=int(life)) if life else None,
        )  # fmt: skip
    except (AccountError, ValueError) as error:
        return _page(request, problem=getattr(error, "message", "Choose projects that are there."), status=422)
    return _page(request, shown=plain, of=key)


@never_cache
@require_POST
@require(Role.ADMIN)
def rotate(request: HttpRequest, public_id: str) -> HttpResponse:
    """A new secret for a key, shown here once; the old one is no longer good."""
    key = get_object_or_404(ApiKey, public_id=public_id)
    try:
        return _page(request, shown=rotate_key(key), of=key)
    except AccountError as error:
        return _page(request, problem=error.message, status=409)


@require_POST
@require(Role.ADMIN)
def revoke(request: HttpRequest, public_id: str) -> HttpResponse:
    """End a key for ever."""
    key = get_object_or_404(ApiKey, public_id=public_id)
    if revoke_key(key):
        messages.success(request, f"The key {key.name} is revoked.")
    else:
        messages.info(request, f"The key {key.name} was revoked before.")
    return redirect("accounts:keys")


def _page(request: HttpRequest, problem: str = "", shown: str = "", of: ApiKey | None = None, status: int = 200
          ) -> HttpResponse:
    names, now = projects_by_number(), timezone.now()
    typed = request.POST if problem else {}
    keys = [*ApiKey.objects.filter(revoked_at=None),
            *ApiKey.objects.exclude(revoked_at=None).order_by("-revoked_at")[:ENDED]]
    rows = [{
        "key": key, "expired": key.has_expired(now), "scopes": [Scope(scope).label for scope in key.scopes],
        "projects": [names.get(number, f"{number}, deleted") for number in key.projects or ()],
    } for key in keys]  # fmt: skip
    context = {
        "rows": rows, "problem": problem, "shown": shown, "of": of, "scopes": Scope, "projects": names.items(),
        "lives": LIVES.items(), "name": typed.get("name", ""), "chosen": typed.getlist("scope") if typed else ["read"],
        "life": typed.get("life", "90"), "some": "some" in typed,
        "picked": typed.getlist("project") if typed else [], "payloads": not typed or "payloads" in typed,
    }  # fmt: skip
    return render(request, "accounts/keys.html", context, status=status)
