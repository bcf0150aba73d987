"""What the pages of one project have in common: its head, its tabs, and the message of a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone

from projects import environment
from projects.errors import ProjectError
from projects.models import Project
from projects.presentation.live import live_of
from projects.presentation.mark import mark_of
from tasks.actions import SubjectBusy
from tasks.models import Task

LOCAL = ("", "localhost", "[::1]", "0.0.0.0")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was not done, as the page tells it; `task` is the one that stands in the way."""

    message: str
    hint: str = ""
    task: Task | None = None
    status: int = 422

    @classmethod
    def of(cls, error: ProjectError | SubjectBusy) -> Refusal:
        """The refusal that an error means, with its HTTP status."""
        if isinstance(error, SubjectBusy):
            return cls(f"{error.task.title} is under way.", "Wait until it has ended, or cancel it.", error.task, 409)
        return cls(error.message, error.hint, status={"conflict": 409, "forbidden": 403}.get(error.code, 422))


def project_or_404(pk: int) -> Project:
    """The project, without its environment: that is read where it is shown. Http404 where there is none."""
    return get_object_or_404(Project.objects.defer("environment"), pk=pk)


def service_host(request: HttpRequest) -> str:
    """The host under which a service of this machine is reached from where the request comes from."""
    name = request.get_host()
    name = name[: name.rindex("]") + 1] if name.startswith("[") else name.partition(":")[0]
    return "127.0.0.1" if name in LOCAL else name


def live_context(request: HttpRequest, project: Project, refusal: Refusal | None = None) -> dict[str, Any]:
    """What `_head.html` and `_live.html` show, and the count on the tab of its tasks."""
    now = timezone.now()
    # The mark is taken before the rows are read: what changes in between is sent once more, and never missed.
    mark = mark_of(project.pk, now)
    return {"project": project, "live": live_of(project, now), "mark": mark, "refusal": refusal,
            "host": service_host(request), "task_count": Task.objects.filter(subject=project.subject).count()}


def page_context(request: HttpRequest, project: Project, tab: str, refusal: Refusal | None = None) -> dict[str, Any]:
    """What every tab of a project shows around its content."""
    return {
        **live_context(request, project, refusal),
        "tab": tab,
        "overview": tab == "overview",
        "target": "live" if tab == "overview" else "titles",
        "variable_count": _variable_count(project),
    }


def _variable_count(project: Project) -> int | None:
    try:
        return len(environment.load(project))
    except ProjectError:  # the tab itself says what is wrong
        return None
