"""The pages of schedules. They only translate HTTP; what happens is in `tasks.schedules.actions`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import trigger_client_event

from accounts.access import require
from accounts.models import Role
from tasks.errors import TaskError
from tasks.masking import masked
from tasks.models import Task
from tasks.presentation import rows_of as task_rows_of
from tasks.presentation import version_of
from tasks.schedules import actions
from tasks.schedules.errors import BadSchedule
from tasks.schedules.forms import KINDS, ScheduleForm, startable
from tasks.schedules.models import Schedule
from tasks.schedules.presentation import SHOWN, due, dues, rows_of, soonest

RUNS = 20


@require_safe
@require(Role.VIEWER)
def schedule_list(request: HttpRequest) -> HttpResponse:
    """All schedules by name, and what runs next."""
    return render(request, "tasks/schedules/list.html", _table_context())


@never_cache
@require_safe
@require(Role.VIEWER)
def table(request: HttpRequest) -> HttpResponse:
    """The list alone, for its poll; 204 when it still looks as in version `?v=`."""
    context = _table_context()
    if request.GET.get("v") == context["version"]:
        return HttpResponse(status=204)
    return render(request, "tasks/schedules/_table.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.OPERATOR)
def new(request: HttpRequest) -> HttpResponse:
    """Make a schedule, or a task that runs once at a time."""
    form = ScheduleForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            return _made(request, form)
        except BadSchedule as error:
            form.refuse(error)
    return _form_page(request, "tasks/schedules/new.html", form, {"kinds": KINDS})


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.VIEWER)
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One schedule: its next runs, its last ones, and for operators the form to change it."""
    schedule = get_object_or_404(Schedule.objects.select_related("last_task"), pk=pk)
    form = ScheduleForm.of(schedule)
    if request.method == "POST":
        return _change(request, schedule)
    return _schedule_page(request, schedule, form)


@never_cache
@require_safe
@require(Role.VIEWER)
def next_runs(request: HttpRequest) -> HttpResponse:
    """The next runs of what stands in a form now: `?kind=&cron=&interval=&zone=`."""
    now, kind = timezone.now(), request.GET.get("kind", "cron")
    wanted = {name: request.GET.get(name, "") if kind == name else "" for name in ("cron", "interval")}
    context: dict[str, Any] = {"runs": [], "unreadable": "", "asked": any(value.strip() for value in wanted.values())}
    if context["asked"]:
        try:
            rhythm = actions.read_rhythm(**wanted, zone=request.GET.get("zone", "UTC"))
            context["runs"] = [due(moment, rhythm.zone, now) for moment in rhythm.following(now, SHOWN)]
        except BadSchedule as error:
            context["unreadable"] = error.message
    return render(request, "tasks/schedules/_next.html", context)


@require_POST
@require(Role.OPERATOR)
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    """Run it no more until it is resumed."""
    return _act(request, pk, actions.pause, lambda schedule, _: f"“{schedule.name}” is paused.")


@require_POST
@require(Role.OPERATOR)
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    """Run it again from its next time on."""
    return _act(request, pk, actions.resume, lambda schedule, _: f"“{schedule.name}” runs again at its next time.")


@require_POST
@require(Role.OPERATOR)
def run(request: HttpRequest, pk: int) -> HttpResponse:
    """Run it now, beside its times."""

    def said(schedule: Schedule, task: Task | None) -> str:
        return f"“{schedule.name}” {'runs now' if task else 'runs as soon as its last run has ended'}."

    return _act(request, pk, actions.run_now, said)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.OPERATOR)
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then delete it; its tasks stay."""
    schedule = get_object_or_404(Schedule, pk=pk)
    if request.method != "POST":
        return render(request, "tasks/schedules/delete.html", {"schedule": schedule})
    actions.remove(schedule)
    messages.info(request, f"“{schedule.name}” is deleted. Its tasks stay.")
    return redirect("tasks:schedules")


def _table_context() -> dict[str, Any]:
    now = timezone.now()
    schedules = list(Schedule.objects.select_related("last_task").order_by("name"))
    rows, coming = rows_of(schedules, now), soonest(schedules, now)
    return {"rows": rows, "soonest": coming, "version": version_of([rows, coming]),
            "on": sum(not schedule.paused for schedule in schedules)}


def _made(request: HttpRequest, form: ScheduleForm) -> HttpResponse:
    if form.cleaned_data["kind"] == "once":
        data = form.cleaned_data
        task = actions.once(
            job=data["job"], at=data["at"], zone=data["zone"], params=actions.read_params(data["params"]),
            lane=data["lane"], priority=data["priority"],
        )  # fmt: skip
        messages.success(request, f"“{task.title}” waits for its time.")
        return redirect("tasks:detail", task.pk)
    schedule = actions.create(**form.wish())
    messages.success(request, f"“{schedule.name}” is made.")
    return redirect(schedule)


@require(Role.OPERATOR)
def _change(request: HttpRequest, schedule: Schedule) -> HttpResponse:
    form = ScheduleForm(request.POST)
    if form.is_valid():
        try:
            actions.change(schedule, **form.wish())
            messages.success(request, f"“{schedule.name}” is changed.")
            return redirect(schedule)
        except BadSchedule as error:
            form.refuse(error)
    # What was refused is shown in the form, and nowhere else on the page.
    return _schedule_page(request, Schedule.objects.select_related("last_task").get(pk=schedule.pk), form)


def _schedule_page(request: HttpRequest, schedule: Schedule, form: ScheduleForm) -> HttpResponse:
    now = timezone.now()
    tasks = Task.objects.filter(schedule=schedule).defer("params", "result", "detail").order_by("-id")[:RUNS]
    context = {
        "schedule": schedule,
        "row": rows_of([schedule], now)[0],
        "runs": dues(schedule, now),
        "asked": True,
        "tasks": task_rows_of(list(tasks), now),
        "params": actions.written_params(masked(schedule.params)),
        "kinds": KINDS[:2],
    }
    return _form_page(request, "tasks/schedules/detail.html", form, context)


def _form_page(request: HttpRequest, template: str, form: ScheduleForm, context: dict[str, Any]) -> HttpResponse:
    status = 422 if form.is_bound and form.errors else 200
    return render(request, template, {"form": form, "jobs": startable(), **context}, status=status)


def _act(request: HttpRequest, pk: int, act: Callable[[Schedule], Any], said: Callable[[Schedule, Any], str]
         ) -> HttpResponse:  # fmt: skip
    schedule = get_object_or_404(Schedule, pk=pk)
    try:
        level, text = "info", said(schedule, act(schedule))
    except TaskError as error:
        level, text = "warning", error.message
    if request.htmx:
        response = trigger_client_event(HttpResponse(status=204), "schedules-changed", {})
        return trigger_client_event(response, "toast", {"level": level, "text": text})
    messages.add_message(request, getattr(messages, level.upper()), text)
    back = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
    return redirect(back if safe else reverse("tasks:schedules"))
