"""Scaling by hand, on the pages of monitor and workers. It only translates HTTP: see `tasks.crews.actions`."""

from __future__ import annotations

import re

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from accounts.access import require
from accounts.models import Role
from tasks.crews.actions import NoSuchCrew, fix, release, sentence
from tasks.crews.presentation import crew_context
from tasks.errors import BadLimit
from tasks.monitor import shared

NUMBER = re.compile("[0-9]{1,9}")


@require_POST
@require(Role.OPERATOR)
def scale(request: HttpRequest, node: str) -> HttpResponse:
    """Keep so many `workers`, for that `reason`; or (`release`) as many as are needed. A refusal says why, on the page
    and with what was typed."""
    typed = {"node": node, "workers": request.POST.get("workers", ""), "reason": request.POST.get("reason", "")}
    try:
        if "release" in request.POST:
            text = f"{node}: {sentence(release(node))}."
        else:
            number = typed["workers"].strip()
            text = f"{node}: {sentence(fix(node, int(number) if NUMBER.fullmatch(number) else -1, typed['reason']))}."
    except NoSuchCrew as error:
        raise Http404(str(error)) from None
    except BadLimit as error:
        context = crew_context(typed, error.message, error.field)
        template = "tasks/crews/_panel.html" if request.htmx else "tasks/crews/refused.html"
        return render(request, template, context, status=200 if request.htmx else 400)
    shared.forget()  # who presses sees what it did
    if request.htmx:
        response = render(request, "tasks/crews/_panel.html", crew_context())
        return trigger_client_event(response, "toast", {"level": "info", "text": text})
    messages.info(request, text)
    return redirect("tasks:monitor" if "monitor" in request.POST else "tasks:workers")
