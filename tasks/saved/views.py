"""The page of one's saved views."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.access import require
from accounts.models import Role
from tasks.errors import BadTask
from tasks.saved import actions
from tasks.saved.models import SavedView


@require_safe
@require(Role.VIEWER, by_project=True)
def saved_views(request: HttpRequest) -> HttpResponse:
    """One's own views, each with its address; `?add=` is the query of a list to be saved."""
    return _page(request, request.GET.get("add", ""))


@require_POST
@require(Role.VIEWER, by_project=True)
def save(request: HttpRequest) -> HttpResponse:
    """Keep `query` under `name`."""
    query, name = request.POST.get("query", ""), request.POST.get("name", "")
    try:
        view = actions.save(request.user, name, query)
    except BadTask as error:
        return _page(request, query, name, error.message)
    messages.info(request, f"“{view.name}” is saved.")
    return redirect(f"{reverse('tasks:list')}?{view.query}")


@require_POST
@require(Role.VIEWER, by_project=True)
def rename(request: HttpRequest, pk: int) -> HttpResponse:
    """Give it another `name`."""
    return _changed(request, pk, lambda view: actions.rename(view, request.POST.get("name", "")))


@require_POST
@require(Role.VIEWER, by_project=True)
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget it; its address goes on to work."""
    return _changed(request, pk, actions.remove)


def _changed(request: HttpRequest, pk: int, change: Callable[[SavedView], object]) -> HttpResponse:
    try:
        # Whose it is not, for them it is not there.
        change(get_object_or_404(SavedView, pk=pk, owner=request.user))
    except BadTask as error:
        return _page(request, problem=error.message)
    return redirect("tasks:saved")


def _page(request: HttpRequest, query: str = "", name: str = "", problem: str = "") -> HttpResponse:
    address = request.build_absolute_uri(reverse("tasks:list"))
    context = {"saved": actions.views_of(request.user), "address": address, "query": query, "name": name,
               "problem": problem, "names": SavedView._meta.get_field("name").max_length}
    return render(request, "tasks/saved.html", context, status=400 if problem else 200)
