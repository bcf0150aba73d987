"""The environment of a project: variables that go before those of its folder. Secrets are shown only when asked for."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import require
from accounts.models import Role
from accounts.roles import at_least, role_of
from events.actions import record
from projects import actions
from projects.environment import load
from projects.errors import ProjectError
from projects.models import Project
from projects.presentation.variable import changed_since, rows_of, rows_of_folder
from projects.stacks import dotenv
from projects.stacks.spec import StackError
from projects.views.page import Refusal, page_context, project_or_404

PREFIX = "env."


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.VIEWER, by_project=True, payloads=True)
@never_cache
def environment(request: HttpRequest, pk: int) -> HttpResponse:
    """The variables, secrets masked; a POST by an operator changes, adds or removes some."""
    project = project_or_404(pk)
    if request.method != "POST":
        return _page(request, project)
    if not at_least(role_of(request.user), Role.OPERATOR):
        raise PermissionDenied("This needs the role operator. Ask an admin of this Hub.")
    try:
        actions.update_project(project, env=_changed(load(project), request.POST))
    except ProjectError as error:
        return _page(request, project, Refusal.of(error), typed=request.POST)
    messages.success(request, "Saved. It counts from the next start.")
    return redirect("projects:environment", pk=pk)


@require_POST
@require(Role.OPERATOR, by_project=True, payloads=True)
@never_cache
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """The page with one secret in the clear; that it was shown is recorded."""
    project = project_or_404(pk)
    name = request.POST.get("name", "")
    try:
        variables = load(project)
    except ProjectError as error:
        return _page(request, project, Refusal(error.message, error.hint))
    if name not in variables:
        return _page(request, project, Refusal("There is no such variable.", "It may just have been removed."))
    record("audit.environment-shown", {"project": project.pk, "name": project.name, "variable": name},
           about=project.subject)
    return _page(request, project, shown=name)


def _changed(variables: dict[str, str], data: QueryDict) -> dict[str, str]:
    """The variables after what the form asks for. ProjectError for lines that are no variables.

    An empty input of a secret leaves it as it is: the page never held its value.
    """
    result = dict(variables)
    secret = set(data.getlist("secret"))
    for field, value in data.items():
        name = field.removeprefix(PREFIX)
        if field.startswith(PREFIX) and name in result and (value or name not in secret):
            # A browser sends line ends of a text area as CRLF.
            result[name] = value.replace("\r\n", "\n")
    for name in data.getlist("remove"):
        result.pop(name, None)
    try:
        result.update(dotenv.parse(data.get("add", "").replace("\r\n", "\n")).values)
    except StackError as error:
        message = error.message.removeprefix("Text, ")  # what the reader calls text that is in no file
        raise ProjectError(message[:1].upper() + message[1:], field="add", hint=error.hint) from None
    return result


def _page(request: HttpRequest, project: Project, refusal: Refusal | None = None, *, shown: str = "",
          typed: QueryDict | None = None) -> HttpResponse:
    try:
        variables = load(project)
    except ProjectError as error:
        variables, refusal = {}, refusal or Refusal(error.message, error.hint)
    context: dict[str, Any] = page_context(request, project, "environment") | {
        "env_refusal": refusal,
        "variables": rows_of(variables, shown),
        "from_folder": rows_of_folder(project, variables),
        "changed": changed_since(project, variables),
        "added": typed.get("add", "") if typed is not None else "",
        "shown": shown,
    }
    return render(request, "projects/environment.html", context, status=refusal.status if refusal else 200)
