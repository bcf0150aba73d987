"""Starting, stopping and restarting. Each answers a browser with a page, and htmx with the fragment that asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST
from django_htmx.http import reswap, trigger_client_event

from accounts.access import require
from accounts.models import Role
from projects import actions
from projects.errors import ProjectError
from projects.models import PortLease, Project
from projects.presentation.card import cards_of
from projects.presentation.live import begun_of
from projects.states import ProjectState
from projects.views.detail import around_context, overview
from projects.views.listing import announced
from projects.views.page import Refusal, live_context, project_or_404, service_host
from tasks.actions import AlreadyEnded, SubjectBusy, active_on
from tasks.actions import cancel as cancel_task
from tasks.models import Task


@require_POST
@require(Role.OPERATOR, by_project=True)
def start(request: HttpRequest, pk: int) -> HttpResponse:
    return act(request, pk, actions.start)


@require_POST
@require(Role.OPERATOR, by_project=True)
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    return act(request, pk, actions.stop)


@require_POST
@require(Role.OPERATOR, by_project=True)
def restart(request: HttpRequest, pk: int) -> HttpResponse:
    return act(request, pk, actions.restart)


@require_POST
@require(Role.OPERATOR, by_project=True)
def restart_service(request: HttpRequest, pk: int, service: str) -> HttpResponse:
    project = project_or_404(pk)
    if not project.services.filter(name=service).exists():
        raise Http404
    return act(request, pk, lambda project: actions.restart_service(project, service))


@require_POST
@require(Role.OPERATOR, by_project=True)
def build(request: HttpRequest, pk: int) -> HttpResponse:
    """Build the images that Dagger builds, and start nothing."""
    return act(request, pk, actions.build)


@require_POST
@require(Role.OPERATOR, by_project=True)
def release_port(request: HttpRequest, pk: int, lease: int) -> HttpResponse:
    """Lease another host port in the place of one that somebody else took."""
    try:
        return act(request, pk, lambda project: actions.release_port(project, lease))
    except PortLease.DoesNotExist:
        raise Http404 from None


@require_POST
@require(Role.OPERATOR, by_project=True)
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Cancel what is under way on the project; nothing happens when it has just ended."""
    return act(request, pk, _cancel)


def _cancel(project: Project) -> None:
    task = active_on(project.subject)
    if task is None:
        return
    try:
        cancel_task(task)
    except AlreadyEnded:
        return


def act(request: HttpRequest, pk: int, use: Callable[[Project], Any]) -> HttpResponse:
    """Use a use case on a project, and answer with what asked for it: a page, or a fragment with how it is now."""
    project = project_or_404(pk)
    refusal = begun = None
    try:
        begun = use(project)
    except (ProjectError, SubjectBusy) as error:
        refusal = Refusal.of(error)
    if request.htmx:
        if request.htmx.target == "live" and isinstance(begun, Task) and project.state == ProjectState.STARTING:
            return _begun(request, project, begun)
        return _fragment(request, project, refusal)
    if refusal is not None:
        return overview(request, project_or_404(pk), refusal)
    return redirect("projects:detail", pk=pk)


def _begun(request: HttpRequest, project: Project, task: Task) -> HttpResponse:
    """Only what a start changes at once, so that the answer is quick. The overview asks for the rest by itself."""
    context = {"live": begun_of(project, task, timezone.now()), "target": "live"}
    response = reswap(render(request, "projects/_begun.html", context), "none")
    return trigger_client_event(response, "begun", {})


def _fragment(request: HttpRequest, project: Project, refusal: Refusal | None) -> HttpResponse:
    """The fragment that the button stands in, as it is now."""
    status = refusal.status if refusal else 200
    target = request.htmx.target or ""
    project = project_or_404(project.pk)
    if target == f"project-{project.pk}":
        card = cards_of([project], timezone.now())[0]
        context = {"card": card, "version": card.version, "refusal": refusal, "host": service_host(request)}
        return announced(render(request, "projects/_card.html", context, status=status))
    context = live_context(request, project, refusal)
    if target == "titles":
        response = render(request, "projects/_head.html", context | {"target": target}, status=status)
        if refusal is None:
            return response
        text = f"{refusal.message} {refusal.hint}".strip()
        return trigger_client_event(response, "toast", {"level": "warning", "text": text})
    context |= around_context(project) | {"target": "live", "with_head": True}
    return render(request, "projects/_live.html", context, status=status)
