"""The page that asks before many tasks are changed."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.access import require
from accounts.models import Role
from tasks.bulk import actions
from tasks.errors import BadTask
from tasks.search.errors import BadQuery, SearchStopped


@require_POST
@require(Role.OPERATOR)
def change(request: HttpRequest) -> HttpResponse:
    """`do`, `which` (picked or all), `pick`..., `q`, `priority`: asks with the exact count; with `count`, which was
    shown then, begins, and shows the task that does it."""
    params, problem, seen = _params(request), "", {"count": 0, "fits": 0}
    try:
        if params["do"] == "priority" and params["priority"] is None:
            seen = actions.preview({**params, "priority": 5})
        elif "count" in request.POST:
            return redirect("tasks:detail", pk=actions.begin(params).pk)
        else:
            seen = actions.preview(params)
    except BadTask as error:
        problem = error.message
    except (BadQuery, SearchStopped) as error:
        problem = str(error)
    context = {"params": params, "problem": problem, "seen": seen}
    return render(request, "tasks/bulk.html", context, status=400 if problem else 200)


def _params(request: HttpRequest) -> dict[str, Any]:
    every, priority = request.POST.get("which") == "all", request.POST.get("priority", "")
    return {
        "do": request.POST.get("do", ""),
        "q": request.POST.get("q", "") if every else "",
        "ids": [] if every else request.POST.getlist("pick"),
        "priority": int(priority) if priority.isascii() and priority.isdigit() and len(priority) < 4 else None,
    }
