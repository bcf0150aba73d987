"""The pages of background tasks. They only translate HTTP; what happens is in `tasks.actions`."""

from __future__ import annotations

import json
import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from accounts.access import require
from accounts.models import Role
from accounts.roles import at_least, role_of
from events.models import Event
from events.presentation import row_of
from tasks import actions
from tasks.bulk.presentation import progress_of
from tasks.copying import commands_of
from tasks.deaths import death_of
from tasks.errors import TaskError
from tasks.filters import PERIODS, PRIORITIES, Filters, choices, offered
from tasks.glance import glance
from tasks.graph import graph_of
from tasks.job import job_class
from tasks.masking import masked, told, told_detail
from tasks.models import Task
from tasks.presentation import TaskView, is_worth_retrying, priority_level, view_of
from tasks.rows import rows_html
from tasks.search.completion import suggest
from tasks.search.errors import SearchStopped
from tasks.search.qualifiers import KINDS
from tasks.sight import task_or_404
from tasks.states import TaskState
from tasks.subjects import Subject, look_up
from tasks.timeline import among_earlier, timeline_of

LINES = 500
EVENTS = 20
HEAVY = ("params", "result", "detail")


@require_safe
@require(Role.VIEWER, by_project=True)
def task_list(request: HttpRequest) -> HttpResponse:
    """Tasks, newest first, 50 a page; `?q=&state=&job=&lane=&project=&subject=&correlation=&priority=&worker=
    &created=`, and `&limit=&cursor=&order=` as in the API."""
    filters = Filters.read(request.GET)
    page = filters.page(timezone.now())
    context = {
        **page,
        "lines": _lines(request, page),
        "states": TaskState,
        "kinds": [*KINDS.values()],
        "periods": choices(PERIODS, filters.wanted.get("created", "")),
        "priorities": choices(PRIORITIES, filters.wanted.get("priority", "")),
        **offered(filters.wanted),
    }
    return render(request, "tasks/list.html", context, status=filters.status)


@never_cache
@require_safe
@require(Role.VIEWER, by_project=True)
def counted(request: HttpRequest) -> HttpResponse:
    """How many tasks the filters leave, for the page to ask when it is there: counting takes longer than a page."""
    filters, found, stopped = Filters.read(request.GET), None, False
    try:
        found = None if filters.problem else filters.count()
    except SearchStopped:
        stopped = True
    return render(request, "tasks/_count.html", {"found": found, "stopped": stopped})


@never_cache
@require_safe
@require(Role.VIEWER, by_project=True)
def suggestions(request: HttpRequest) -> HttpResponse:
    """How the query `?q=` may go on, as options of the search box."""
    return render(request, "tasks/_suggestions.html", {"suggested": suggest(request.GET.get("q", ""))})


@never_cache
@require_safe
@require(Role.VIEWER, by_project=True)
def rows(request: HttpRequest) -> HttpResponse:
    """The list alone, for its poll; 204 when it still looks as in version `?v=`."""
    filters = Filters.read(request.GET)
    page = filters.page(timezone.now())
    if request.GET.get("v") == page["rows_version"]:
        return HttpResponse(status=204)
    return render(request, "tasks/_rows.html", page | {"lines": _lines(request, page), "with_counts": True})


@require_safe
@require(Role.VIEWER, by_project=True)
def detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One task: progress, attempts, log, parameters, result, and what else belongs to it."""
    task = get_object_or_404(Task.objects.select_related("parent", "retry_of"), pk=pk)
    lines = list(task.log_lines.order_by("-id")[: LINES + 1])
    events = Event.objects.filter(correlation_id=task.correlation_id).order_by("-id")[:EVENTS]
    context = {
        **_live_context(task, view_of(task, timezone.now()), lines[0].pk if lines else 0),
        "graph": graph_of(task, timezone.now()),
        "lines": lines[:LINES][::-1],
        "more_lines": len(lines) > LINES,
        "max_lines": LINES,
        "subject": look_up([task.subject]).get(task.subject, Subject("")),
        "level": priority_level(task.priority),
        "params": _shown(told(task.params)) if task.params else "",
        "related": Task.objects.filter(correlation_id=task.correlation_id).exclude(pk=pk).order_by("-id").only(
            "id", "title", "state")[:EVENTS],
        "commands": commands_of(task, request.build_absolute_uri("/").rstrip("/")),
        "children": task.children.only("id", "title", "state")[:EVENTS],
        "retried_by": task.retried_by.only("id", "title", "state")[:EVENTS],
        "events": [row_of(event) for event in events],
    }
    return render(request, "tasks/detail.html", context)


@never_cache
@require_safe
@require(Role.VIEWER, by_project=True)
def live(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """What changes of a task, for its poll: the progress, log lines after `?after=`, and the head when its `?mark=` is
    old. 204, for one query, when all of it still looks as in version `?v=`."""
    seen = glance(pk)
    if seen is None:
        raise Http404
    view = view_of(seen, timezone.now())
    if request.GET.get("v") == _version(view, seen.last_line):
        return HttpResponse(status=204)
    # Read anew, whole. What came since it was seen is news to the next poll, so nothing is missed.
    return _live_response(request, get_object_or_404(Task.objects.defer(*HEAVY), pk=pk), view, seen.last_line)


@require_safe
@require(Role.VIEWER, by_project=True, payloads=True)
def log_text(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The whole log as text."""
    task = get_object_or_404(Task.objects.only("id"), pk=pk)
    text = (
        f"{line.at:%Y-%m-%d %H:%M:%S.%f} {line.level.upper():7} {line.source or '-'} {line.text}\n"
        for line in task.log_lines.iterator(chunk_size=1000)
    )
    headers = {"Content-Disposition": f'attachment; filename="task-{pk}.txt"'}
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)


@require_POST
@require(Role.OPERATOR, by_project=True)
def cancel(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Ask a task to stop."""
    task = task_or_404(pk)
    try:
        task = actions.cancel(task)
        level, text = "info", f"“{task.title}” " + ("is cancelled." if task.has_ended else "was asked to stop.")
    except TaskError as error:
        level, text = "warning", error.message
    if not request.htmx:
        return _back(request, task, level, text)
    if request.htmx.target == "task-live":
        task.refresh_from_db()
        newest = task.log_lines.order_by("-id").values_list("pk", flat=True).first() or 0
        return _said(_live_response(request, task, view_of(task, timezone.now()), newest), level, text)
    return _said(HttpResponse(status=204), level, text)


@require_POST
@require(Role.OPERATOR, by_project=True)
def retry(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Do an ended task again, as a new task."""
    task = task_or_404(pk)
    try:
        task = actions.retry(task)
        level, text = "info", f"“{task.title}” is tried again. {task.reason}".strip()
    except TaskError as error:
        level, text = "warning", error.message
    if not request.htmx:
        return _back(request, task, level, text)
    if request.htmx.target == "task-live":
        messages.add_message(request, getattr(messages, level.upper()), text)
        return HttpResponseClientRedirect(reverse("tasks:detail", args=[task.pk]))
    return _said(HttpResponse(status=204), level, text)


@never_cache
@require_safe
@require(Role.VIEWER, by_project=True)
def graph(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """What waits for what around a task, for its poll; 204 when it still looks as in version `?v=`."""
    task, now = get_object_or_404(Task.objects.defer(*HEAVY), pk=pk), timezone.now()
    found = graph_of(task, now)
    if (found or task.is_active) and request.GET.get("v", "") == (found.version if found else ""):
        return HttpResponse(status=204)
    return render(request, "tasks/_graph.html", {"graph": found, "task": task, "view": view_of(task, now)})


def _lines(request: HttpRequest, page: dict) -> SafeString:
    may_operate = at_least(role_of(request.user), Role.OPERATOR)
    return rows_html(request, page["rows"], page["here"], may_operate=may_operate)


def _version(view: TaskView, last_line: int) -> str:
    return f"{view.version}-{last_line}"


def _live_context(task: Task, view: TaskView, last_line: int) -> dict:
    job = job_class(task.job)
    attempts = list(task.attempts.order_by("-number"))
    return {
        "task": task,
        "view": view,
        "can_retry": _can_retry(task),
        "live_version": _version(view, last_line),
        "last_line": last_line,
        "retries": job.retries if job else 0,
        "bulk": progress_of(task),
        "attempts": attempts,
        "death": death_of(task, attempts) if view.error else None,
        "timeline": timeline_of(task, attempts),
        "earlier": among_earlier(task),
        "result": _shown(masked(task.result)) if task.result is not None else "",
        "result_url": _result_url(task),
        "detail": told_detail(task.detail),
    }


def _result_url(task: Task) -> str:
    """Where what it made can be looked at or fetched, if its result says so: a page of this Hub."""
    url = task.result.get("url") if isinstance(task.result, dict) else None
    return url if isinstance(url, str) and url.startswith("/") and not url.startswith("//") else ""


def _can_retry(task: Task) -> bool:
    return is_worth_retrying(task, None) and is_worth_retrying(task, look_up([task.subject]).get(task.subject))


def _live_response(request: HttpRequest, task: Task, view: TaskView, last_line: int) -> HttpResponse:
    after = request.GET.get("after", "")
    # Without a number there is no log on that page yet to add to.
    new = task.log_lines.filter(pk__gt=int(after), pk__lte=last_line) if _is_id(after) else task.log_lines.none()
    lines = list(new.order_by("-pk")[:LINES])[::-1]
    context = {
        **_live_context(task, view, last_line),
        "new_lines": lines,
        "head_changed": request.GET.get("mark") != view.mark,
    }
    return render(request, "tasks/live.html", context)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18


def _back(request: HttpRequest, task: Task, level: str, text: str) -> HttpResponse:
    messages.add_message(request, getattr(messages, level.upper()), text)
    back = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
    return redirect(back if safe else reverse("tasks:detail", args=[task.pk]))


def _said(response: HttpResponse, level: str, text: str) -> HttpResponse:
    trigger_client_event(response, "tasks-changed", {})
    return trigger_client_event(response, "toast", {"level": level, "text": text})


def _shown(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
