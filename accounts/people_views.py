"""The pages on which admins let people in, give them roles and grants, and switch them off."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import people
from accounts.access import require
from accounts.actions import INVITATION_LIFE, AccountError, make_sign_in_link
from accounts.grants import projects_by_number
from accounts.models import Access, Role, Session
from accounts.roles import role_of


@never_cache
@require_safe
@require(Role.ADMIN)
def person_list(request: HttpRequest) -> HttpResponse:
    """Everybody who may sign in, or could once."""
    return _list(request)


@never_cache
@require_POST
@require(Role.ADMIN)
def invite(request: HttpRequest) -> HttpResponse:
    """Somebody new, with `name`, `email` and `role`; leads to their page, where the link is made."""
    typed = {name: request.POST.get(name, "") for name in ("name", "email", "role")}
    try:
        user = people.invite(typed["name"], typed["email"], typed["role"], request.user)
    except AccountError as error:
        return _list(request, error.message, typed, status=422)
    return _with_link(request, user, password=False)


@never_cache
@require_safe
@require(Role.ADMIN)
def person(request: HttpRequest, user_id: int) -> HttpResponse:
    """One person: role, projects, sessions."""
    return _page(request, get_object_or_404(User, pk=user_id))


@require_POST
@require(Role.ADMIN)
def role(request: HttpRequest, user_id: int) -> HttpResponse:
    return _changed(request, user_id, lambda user: people.change_role(user, request.POST.get("role", ""), request.user))


@require_POST
@require(Role.ADMIN)
def access(request: HttpRequest, user_id: int) -> HttpResponse:
    return _changed(request, user_id, lambda user: people.change_access(
        user, limited="limited" in request.POST, payloads="payloads" in request.POST, by=request.user))


@require_POST
@require(Role.ADMIN)
def grant(request: HttpRequest, user_id: int) -> HttpResponse:
    """A `role` on a `project`; without a role no more."""
    def change(user: User) -> None:
        project = request.POST.get("project", "")
        if not project.isascii() or not project.isdigit() or int(project) not in projects_by_number():
            raise AccountError("Choose a project.")
        people.grant(user, int(project), request.POST.get("role", ""), request.user)

    return _changed(request, user_id, change)


@require_POST
@require(Role.ADMIN)
def switch(request: HttpRequest, user_id: int) -> HttpResponse:
    return _changed(request, user_id, lambda user: people.switch(user, request.POST.get("on") == "1", request.user))


@require_POST
@require(Role.ADMIN)
def end_sessions(request: HttpRequest, user_id: int) -> HttpResponse:
    def end(user: User) -> None:
        people.check_may_touch(user, request.user)
        people.end_sessions(user)

    return _changed(request, user_id, end)


@never_cache
@require_POST
@require(Role.ADMIN)
def link(request: HttpRequest, user_id: int) -> HttpResponse:
    """A link to hand on: it signs them in, or with `password` lets them choose a new one first."""
    user = get_object_or_404(User, pk=user_id, is_active=True)
    try:
        people.check_may_touch(user, request.user)
    except AccountError as error:
        return _page(request, user, error.message, status=403)
    return _with_link(request, user, password="password" in request.POST)


def _with_link(request: HttpRequest, user: User, password: bool) -> HttpResponse:
    path = make_sign_in_link(user, INVITATION_LIFE, password=password or not user.has_usable_password())
    return _page(request, user, made=request.build_absolute_uri(path))


def _changed(request: HttpRequest, user_id: int, change: Callable[[User], None]) -> HttpResponse:
    user = get_object_or_404(User, pk=user_id)
    try:
        change(user)
    except AccountError as error:
        return _page(request, user, error.message, status=422)
    if request.htmx:
        return _page(request, get_object_or_404(User, pk=user_id))
    messages.success(request, "Saved.")
    return redirect("accounts:person", user_id=user_id)


def _list(request: HttpRequest, problem: str = "", typed: dict[str, str] | None = None, status: int = 200
          ) -> HttpResponse:
    users = User.objects.prefetch_related("groups", "access", "grants").annotate(seen=Max("browsers__seen_at"))
    rows = []
    for user in users.order_by("-is_active", "username"):
        user.role_names = {group.name for group in user.groups.all()}
        limits = getattr(user, "access", None)
        rows.append({"user": user, "role": role_of(user) if user.is_active else None,
                     "limited": limits is not None and limits.limited, "granted": len(user.grants.all())})
    context = {"rows": rows, "roles": Role, "problem": problem, "typed": typed or {"role": Role.VIEWER}}
    return render(request, "accounts/people.html", context, status=status)


def _page(request: HttpRequest, user: User, problem: str = "", made: str = "", status: int = 200) -> HttpResponse:
    names = projects_by_number()
    granted = [{"project": row.project, "name": names.get(row.project, f"project {row.project}, deleted"),
                "role": Role(row.role)} for row in user.grants.order_by("project")]
    context = {
        "person": user, "person_role": role_of(user), "roles": Role, "problem": problem, "made": made,
        "limits": getattr(user, "access", None) or Access(user=user), "granted": granted,
        "grantable": [(number, name) for number, name in names.items()
                      if number not in {one["project"] for one in granted}],
        "sessions": Session.objects.filter(user=user).order_by("-seen_at"),
        "mine": user.pk == request.user.pk, "touchable": not user.is_superuser or request.user.is_superuser,
    }  # fmt: skip
    template = "accounts/_person.html" if request.htmx and not made else "accounts/person.html"
    return render(request, template, context, status=status)
