"""The page of workers and lanes. It only translates HTTP: see `tasks.workers` and `tasks.lane_actions`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from accounts.access import require
from accounts.models import Role
from accounts.roles import at_least, role_of
from tasks import actions, lane_actions, workers
from tasks.crews.presentation import crew_context
from tasks.errors import TaskError
from tasks.lane_actions import LaneLimits
from tasks.lanes import LANES
from tasks.models import SubjectCap, Task
from tasks.monitor import shared
from tasks.nodes.registry import NodeInfo, nodes, since
from tasks.presentation import version_of
from tasks.queue import ORDERS, QueueAway, WorkerInfo
from tasks.sight import task_or_404

NUMBER = re.compile("[0-9]{1,9}")
# A heartbeat that is younger is as it should be (seconds).
FRESH = 12
# So many workers stand on a page.
WORKERS = 50
SAID = {"drain": "takes no more tasks", "stop": "ends after its task", "kill": "ends at once"}
LOOKS = {"busy": "running", "idle": "succeeded", "starting": "queued"}


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A live worker in the list. `look` is the state of a task that has its colour."""

    name: str
    node: str
    pid: int
    lanes: str
    version: str
    state: str
    look: str
    task: str
    title: str
    heartbeat: str
    memory: int
    succeeded: int
    failed: int
    may_drain: bool


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A host that works for this Hub. `look` is the state of a task that has its colour."""

    name: str
    host: str
    is_here: bool
    word: str
    look: str
    note: str
    workers: str


@require_safe
@require(Role.VIEWER)
def worker_list(request: HttpRequest) -> HttpResponse:
    """The workers that are alive, the lanes, and their limits."""
    return render(request, "tasks/workers.html", _workers_context(request) | _lanes_context() | crew_context())


@never_cache
@require_safe
@require(Role.VIEWER)
def live(request: HttpRequest) -> HttpResponse:
    """The workers alone, for their poll; 204 while they look as in version `?v=`."""
    context = _workers_context(request)
    if request.GET.get("v") == context["workers_version"]:
        return HttpResponse(status=204)
    return render(request, "tasks/_workers.html", context)


@require_POST
@require(Role.OPERATOR)
def order(request: HttpRequest, name: str, what: str) -> HttpResponse:
    """Drain, stop or kill a worker."""
    if what not in ORDERS:
        raise Http404(f"A worker cannot be told to {what[:20]}.")
    try:
        workers.order(name, what)
        level, text = "info", f"The worker {name} {SAID[what]}."
    except (workers.NoSuchWorker, workers.Unheard, QueueAway) as error:
        level, text = "warning", str(error)
    if request.htmx:
        response = render(request, "tasks/_workers.html", _workers_context(request))
        return trigger_client_event(response, "toast", {"level": level, "text": text})
    messages.add_message(request, getattr(messages, level.upper()), text)
    return redirect(_page(request))


@require_POST
@require(Role.OPERATOR)
def change_lane(request: HttpRequest, name: str) -> HttpResponse:
    """Pause or resume a lane (`pause`, `resume`), or set its limits (`cap`, `rate`, `period`; empty for none)."""
    if name not in LANES:
        raise Http404(f"There is no lane {name[:40]}.")
    if "pause" in request.POST:
        return _done(request, lambda: lane_actions.pause(name), f"The lane {name} is paused; what runs goes on.")
    if "resume" in request.POST:
        return _done(request, lambda: lane_actions.resume(name), f"The lane {name} starts tasks again.")
    return _done(request, lambda: lane_actions.limit(name, LaneLimits(
        _number(request, "cap", int), _number(request, "rate", int), _number(request, "period", float)
    )), f"The limits of {name} are set.")  # fmt: skip


@require_POST
@require(Role.OPERATOR)
def cap_subject(request: HttpRequest) -> HttpResponse:
    """Set the cap (`cap`) of the subjects that begin with `prefix`, or take it away (`remove`)."""
    prefix = request.POST.get("prefix", "").strip()
    if "remove" in request.POST:
        return _done(request, lambda: lane_actions.uncap_subject(prefix), f"{prefix} has no cap any more.")
    return _done(request, lambda: lane_actions.cap_subject(prefix, _number(request, "cap", int)),
                 f"{prefix} is capped.")


@require_POST
@require(Role.OPERATOR, by_project=True)
def change_priority(request: HttpRequest, pk: Any) -> HttpResponse:
    """Give a waiting task another `priority`."""
    task = task_or_404(pk)
    try:
        text = request.POST.get("priority", "")
        task = actions.change_priority(task, int(text) if NUMBER.fullmatch(text) else -1)
        messages.info(request, f"“{task.title}” waits with priority {task.priority}.")
    except TaskError as error:
        messages.warning(request, error.message)
    return redirect("tasks:detail", pk)


def _workers_context(request: HttpRequest) -> dict[str, Any]:
    may_operate = at_least(role_of(request.user), Role.OPERATOR)
    try:
        every, away = workers.workers(), False
    except QueueAway:
        every, away = [], True
    # An order that is given on a page is answered with that part of it.
    here = QueryDict(urlsplit(request.htmx.current_url or "").query) if request.method == "POST" else request.GET
    asked = here.get("worker", "").strip()[:100]
    wanted = sorted((one for one in every if asked.lower() in one.name.lower()), key=lambda one: one.name)
    pages = Paginator(wanted, WORKERS)
    page = pages.get_page(here.get("page"))
    found = page.object_list
    titles = {str(pk): title for pk, title in Task.objects.filter(
        pk__in=[one.task for one in found if one.task]).values_list("pk", "title")}  # fmt: skip
    rows = [_markup(_row(one, titles.get(one.task, "")), may_operate) for one in found]
    known = nodes(with_workers=not away)
    hosts = [_node_row(one) for one in known] if len(known) > 1 else []
    named = {"worker": asked} if asked else {}
    return {"workers": rows, "away": away, "nodes": hosts, "alive": len(every), "found": len(wanted), "asked": asked,
            "many": len(every) > WORKERS, "page": page,
            "here": urlencode({**named, **({"page": page.number} if page.number > 1 else {})}),
            "before": urlencode({**named, "page": page.number - 1}) if page.has_previous() else "",
            "after": urlencode({**named, "page": page.number + 1}) if page.has_next() else "",
            "workers_version": version_of([away, len(every), len(wanted), *rows, *hosts])}


@lru_cache(maxsize=2048)
def _markup(row: WorkerRow, may_operate: bool) -> SafeString:
    """The row in the table; of many workers most look as they did at the last poll."""
    return mark_safe(render_to_string("tasks/_worker.html", {"row": row, "may_operate": may_operate}))


def _node_row(one: NodeInfo) -> NodeRow:
    word, look, note = "answers", "succeeded", ""
    if not one.answers:
        word, look, note = "silent", "failed", since(one)
    elif not one.is_watched:
        word, look, note = "not watched", "failed", "manage.py watch does not run there"
    elif one.workers == 0:
        word, look, note = "no worker", "failed", "what is asked for there waits"
    return NodeRow(one.name, one.host.partition("/")[0], one.is_here, word, look, note,
                   "" if one.workers is None else str(one.workers))


def _row(one: WorkerInfo, title: str) -> WorkerRow:
    age = int(one.heartbeat_age)
    return WorkerRow(
        one.name, one.node or one.host, one.pid, ", ".join(one.lanes), one.version, one.state,
        LOOKS.get(one.state, "cancelled"), one.task if title else "", title,
        "" if age < FRESH else f"not heard of for {age} s", one.memory >> 20, one.succeeded, one.failed,
        one.state not in ORDERS.values(),
    )  # fmt: skip


def _lanes_context() -> dict[str, Any]:
    return {"lanes": lane_actions.with_numbers(lane_actions.lanes()), "caps": SubjectCap.objects.all()}


def _number(request: HttpRequest, name: str, kind: type) -> Any:
    """The number of a form's field; None for an empty one, and the text itself when it is no number."""
    text = request.POST.get(name, "").strip()
    try:
        return kind(text) if text else None
    except ValueError:
        return text


def _done(request: HttpRequest, act: Any, text: str) -> HttpResponse:
    level = "info"
    try:
        act()
    except TaskError as error:
        level, text = "warning", error.message
    if request.htmx:
        return trigger_client_event(HttpResponse(status=204), "toast", {"level": level, "text": text})
    messages.add_message(request, getattr(messages, level.upper()), text)
    return redirect(_page(request))


def _page(request: HttpRequest) -> str:
    """The page whose form this was; the monitor looks anew for who comes back to it."""
    if "monitor" not in request.POST:
        return "tasks:workers"
    shared.outlive()
    return "tasks:monitor"
