"""The pages of the report builder. They only translate HTTP."""

from __future__ import annotations

from itertools import islice
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import require
from accounts.models import Role
from alerts.models import Channel
from analytics.builder import actions, delivery, forms, pictures
from analytics.builder.datasets import datasets
from analytics.builder.definition import Definition, read
from analytics.builder.download import download
from analytics.builder.errors import BadReport, Busy
from analytics.builder.export_views import recent
from analytics.builder.models import SavedReport
from analytics.builder.running import rows
from tasks.schedules.models import Schedule
from tasks.search.errors import SearchStopped
from tasks.search.limits import limited

# Rows that are shown, and seconds that a preview may take.
SHOWN, PATIENCE = 200, 10.0


@require_safe
@require(Role.VIEWER)
def report_list(request: HttpRequest) -> HttpResponse:
    """Reports that are kept, and data sets to begin with."""
    sent: dict[int, list[Schedule]] = {}
    for schedule in Schedule.objects.filter(job="analytics.report"):
        sent.setdefault(schedule.params.get("report"), []).append(schedule)
    return render(request, "analytics/builder/list.html", {
        "tab": "reports", "rows": [(one, sent.get(one.pk, [])) for one in SavedReport.objects.all()],
        "datasets": datasets().values(), "starts": forms.STARTS, "exports": recent()})


@require_safe
@require(Role.VIEWER)
def report(request: HttpRequest) -> HttpResponse:
    """A report: its address is the whole of it. Shows the first rows, and all that it could be changed to."""
    problem, field, made, found = "", "", None, []
    given = forms.settled(request.GET)
    try:
        made = read(given)
        if "of" in request.GET:  # from the form: its address is shorter, and can be shared
            return redirect(f"{reverse('builder:report')}?{made.query}")
        with limited(PATIENCE):
            found = list(islice(rows(made, SHOWN + 1), SHOWN + 1))
    except BadReport as error:
        problem, field = str(error), error.field
    except SearchStopped:
        problem, field = (f"A preview may take {PATIENCE:g} s, and this takes longer. Narrow it by time or filter, or "
                          "export it: that may take as long as it does."), "since"
    context: dict[str, Any] = {"tab": "reports", "problem": problem, "field": field, "report": made,
                               **forms.choices(given, made)}
    saved = request.GET.get("saved", "")
    kept = SavedReport.objects.filter(pk=saved).first() if saved.isascii() and saved.isdigit() and len(saved) < 18 \
        else None  # fmt: skip
    if kept is not None:
        context |= {"kept": kept, "sent": actions.schedules_of(kept),
                    "channels": Channel.objects.filter(kind__in=delivery.KINDS)}
    if made is not None and not problem:
        context |= _shown(made, found)
    return render(request, "analytics/builder/report.html", context, status=422 if problem else 200)


@require_safe
@require(Role.VIEWER)
def export(request: HttpRequest) -> HttpResponseBase:
    """The report of the same address as a file: `?format=` csv, json or parquet."""
    try:
        return download(request, read(request.GET), request.GET.get("format", "csv"))
    except (BadReport, Busy) as error:
        messages.error(request, str(error) or "As many exports as may be are being read just now. Try in a minute.")
        return redirect(f"{reverse('builder:report')}?{request.GET.urlencode()}")


@require_POST
@require(Role.OPERATOR)
def keep(request: HttpRequest) -> HttpResponse:
    """Keep the report of `query` under a name."""
    query = request.POST.get("query", "")[:8000]
    try:
        saved = actions.keep(request.POST.get("name", ""), query)
    except BadReport as error:
        messages.warning(request, str(error))
        return redirect(f"{reverse('builder:report')}?{query}")
    messages.success(request, f"“{saved.name}” is kept.")
    return redirect(saved)


@require_POST
@require(Role.OPERATOR)
def schedule(request: HttpRequest, pk: int) -> HttpResponse:
    """Send it through a channel at times of the clock."""
    saved, channel = get_object_or_404(SavedReport, pk=pk), request.POST.get("channel", "")
    try:
        made = actions.send_by_schedule(saved, int(channel) if channel.isascii() and channel.isdigit() else 0,
                                        request.POST.get("cron", ""), request.POST.get("zone", "UTC"))
        messages.success(request, f"It is sent, first at {made.next_run_at:%Y-%m-%d %H:%M} UTC.")
    except BadReport as error:
        messages.warning(request, str(error))
    return redirect(saved)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.OPERATOR)
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a report that is kept."""
    saved = get_object_or_404(SavedReport, pk=pk)
    if request.method == "POST":
        actions.remove(saved)
        messages.success(request, f"“{saved.name}” is deleted.")
        return redirect("builder:list")
    return render(request, "analytics/builder/delete.html", {"saved": saved, "sent": actions.schedules_of(saved)})


def _shown(made: Definition, found: list[list[Any]]) -> dict[str, Any]:
    shown = found[:SHOWN]
    return {"rows": pictures.cells(made, shown), "heads_shown": pictures.heads(made), "number": len(shown),
            "more": len(found) > SHOWN,
            "chart": pictures.chart(made, shown) if made.chart == "auto" else "", "query": made.query,
            "downloads": [(name, f"{reverse('builder:export')}?{made.query}&format={name}")
                          for name in forms.formats()],
            "formats": forms.formats(), "exports": recent(made.query)}
