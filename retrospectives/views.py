"""The pages of reports. They only translate HTTP; what happens is in `retrospectives.actions`."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from accounts.access import require
from accounts.models import Role
from events.keyset import Asked, BadPart, Part, take
from retrospectives import actions
from retrospectives.comparison import compared
from retrospectives.errors import RetrospectiveError
from retrospectives.jobs import GenerateReport
from retrospectives.metrics import EVERY
from retrospectives.models import Experiment, Report, Sprint
from retrospectives.pictures import charts
from retrospectives.shapes import markdown, report_dict
from tasks.actions import enqueue
from tasks.errors import BadTask, TaskError
from tasks.models import Task
from tasks.states import ACTIVE


@require_safe
@require(Role.VIEWER)
def report_list(request: HttpRequest) -> HttpResponse:
    """Reports, newest first, and the experiments that go on."""
    problem, part = "", Part([], None)
    try:
        part = take(Report.objects.annotate(tries=Count("experiments")), cursor=Asked.read(request.GET).cursor)
    except BadPart as error:
        problem = str(error)
    running = Experiment.objects.filter(state=Experiment.State.RUNNING)
    context = {
        "reports": part.items, "older": part.next_cursor, "problem": problem,
        "running": running.select_related("report").order_by("-pk")[:20],
        "sprints": Sprint.objects.count(),
    }  # fmt: skip
    return render(request, "retrospectives/list.html", context, status=400 if problem else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.OPERATOR)
def new(request: HttpRequest) -> HttpResponse:
    """Ask for a report; shows the task that makes it."""
    problem, field = "", ""
    if request.method == "POST":
        try:
            return redirect("retrospectives:making", enqueue(GenerateReport, _wish(request)).pk)
        except BadTask as error:
            problem, field = error.message, error.field
        except TaskError as error:
            problem = error.message
    teams = (Sprint.objects.order_by("team").values("team").annotate(number=Count("pk")))
    given = request.POST if request.method == "POST" else request.GET
    context = {
        "problem": problem, "field": field, "teams": list(teams), "team": given.get("team", ""),
        "count": given.get("count", "12"), "context_text": given.get("context", ""),
        "metrics": [{"metric": one, "picked": one.key in given.getlist("focus")} for one in EVERY.values()],
    }  # fmt: skip
    return render(request, "retrospectives/new.html", context, status=422 if problem else 200)


@never_cache
@require_safe
@require(Role.VIEWER)
def making(request: HttpRequest, task: UUID) -> HttpResponse:
    """Waits for the report that a task makes, and shows it."""
    made = Report.objects.filter(task=task).first()
    if made is not None:
        return HttpResponseClientRedirect(made.get_absolute_url()) if request.htmx else redirect(made)
    waits_for = get_object_or_404(Task, pk=task, job=GenerateReport.name)
    context = {"task": waits_for, "ended": waits_for.state not in ACTIVE}
    return render(request, "retrospectives/making.html", context)


@require_safe
@require(Role.VIEWER)
def report(request: HttpRequest, pk: int) -> HttpResponse:
    """One report, made to be read on a screen and on paper. Its address can be given to everybody who may look."""
    found = get_object_or_404(Report.objects.prefetch_related("experiments"), pk=pk)
    first, others = charts(found.content)
    before = Report.objects.filter(team=found.team, pk__lt=found.pk).order_by("-pk").first()
    context = {"report": found, "told": report_dict(found), "charts": first, "others": others, "before": before,
               "names": [one["name"] for one in found.content["sprints"]], "sizes": found.content["sizes"]}
    return render(request, "retrospectives/report.html", context)


@require_safe
@require(Role.VIEWER)
def compare(request: HttpRequest) -> HttpResponse:
    """Two reports side by side: `?old=` and `?new=`, their ids."""
    ids = [request.GET.get(name, "") for name in ("old", "new")]
    if not all(one.isascii() and one.isdigit() and len(one) < 19 for one in ids):
        messages.warning(request, "Choose two reports to compare.")
        return redirect("retrospectives:list")
    old, later = (get_object_or_404(Report.objects.prefetch_related("experiments"), pk=int(one)) for one in ids)
    return render(request, "retrospectives/compare.html", {"pair": [old, later], "rows": compared(old, later)})


@require_safe
@require(Role.VIEWER)
def as_markdown(request: HttpRequest, pk: int) -> HttpResponse:
    """The report as Markdown, to be saved."""
    found = get_object_or_404(Report.objects.prefetch_related("experiments"), pk=pk)
    return HttpResponse(markdown(found), content_type="text/markdown; charset=utf-8", headers={
        "Content-Disposition": f'attachment; filename="retrospective-{pk}.md"'})


@require_safe
@require(Role.VIEWER)
def as_json(request: HttpRequest, pk: int) -> HttpResponse:
    """The report as JSON, as the API gives it, to be saved."""
    found = get_object_or_404(Report.objects.prefetch_related("experiments"), pk=pk)
    return JsonResponse(report_dict(found), json_dumps_params={"indent": 2}, headers={
        "Content-Disposition": f'attachment; filename="retrospective-{pk}.json"'})


@require_POST
@require(Role.OPERATOR)
def begin(request: HttpRequest, pk: int) -> HttpResponse:
    """Begin an experiment; `owner` looks after it."""
    one = get_object_or_404(Experiment.objects.select_related("report"), pk=pk)
    try:
        actions.begin(one, request.POST.get("owner", ""))
        messages.success(request, f"“{one.title}” has begun. The report after its {one.duration_sprints} sprints says "
                                  "what became of it.")
    except RetrospectiveError as error:
        messages.warning(request, error.message)
    return redirect(one.report)


@require_POST
@require(Role.OPERATOR)
def drop(request: HttpRequest, pk: int) -> HttpResponse:
    """It is not tried."""
    one = get_object_or_404(Experiment.objects.select_related("report"), pk=pk)
    try:
        actions.drop(one)
        messages.info(request, f"“{one.title}” is dropped.")
    except RetrospectiveError as error:
        messages.warning(request, error.message)
    return redirect(one.report)


def _wish(request: HttpRequest) -> dict[str, object]:
    count, given = request.POST.get("count", "").strip(), {}
    if count:
        if not (count.isascii() and count.isdigit() and len(count) < 6):
            raise BadTask(f"{count[:20]!r} is no number of sprints.", "sprint_count")
        given["sprint_count"] = int(count)
    for name, key in (("team", "team_id"), ("context", "custom_context")):
        if request.POST.get(name, "").strip():
            given[key] = request.POST[name].strip().replace("\r\n", "\n")
    if request.POST.getlist("focus"):
        given["focus_metrics"] = request.POST.getlist("focus")
    return given
