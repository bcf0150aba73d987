"""One job, one project, or one job on one project: how it does, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from analytics import causes, changes, pictures
from analytics.asked import Asked
from analytics.facts import SEPARATOR
from analytics.measures import MEASURES, Total, lengths
from analytics.overview import Tile, change
from analytics.queries import Slice, together, trend
from events.charts.units import seconds
from tasks.models import Task
from tasks.shapes import PROJECT_SUBJECT
from tasks.states import TaskState
from tasks.subjects import look_up

SHOWN = ("count", "failure_rate", "run_p50", "run_p95", "wait_p95")


def slice_of(*, project: str = "", job: str = "") -> Slice:
    """The tasks of a project, of a job, or of a job on a project."""
    if project and job:
        return Slice("operation", f"{project}{SEPARATOR}{job}")
    return Slice("project", project) if project else Slice("job", job)


def figures(asked: Asked, now: datetime, *, project: str = "", job: str = "") -> dict[str, Any]:
    """The context of `analytics/_detail.html`."""
    of = slice_of(project=project, job=job)
    totals, earlier = trend(asked.range, of), trend(asked.range.before, of)
    whole, before = together(totals), together(earlier)
    tasks = _tasks(project, job)
    by_steps = causes.steps(tasks, asked.range)
    parts = [] if project and job else changes.rows(asked.range, "operation", now, project, job)[0]
    query = pictures.query_of(of)
    return {
        "count": whole.all.count, "passed_on": asked.context()["passed_on"],
        "tiles": [Tile(MEASURES[name].label, pictures.shown(MEASURES[name].unit, MEASURES[name].of(whole)),
                       change(name, whole, before)) for name in SHOWN],
        "verdict": _verdict(whole, before, by_steps),
        "got_slower": (changes.ratio(whole, before) or 0) >= changes.SLOWER,
        "charts": [
            pictures.compared("run", MEASURES["run_p50"], asked.range, totals, earlier, of, level=3,
                              title="Median run"),
            pictures.ended("ended", asked.range, totals, of),
        ],
        "parts": parts, "of_project": bool(project), "steps": by_steps,
        "reasons": causes.reasons(tasks, asked.range), "failures": causes.failures_url(query, asked.range),
        "regression": causes.regression(tasks),
    }


def name_of(*, project: str = "", job: str = "") -> str:
    """What people call it."""
    if not project:
        return job
    subject = f"{PROJECT_SUBJECT}{project}"
    name = look_up([subject])[subject].name
    return f"{job} on {name}" if job else name


def _tasks(project: str, job: str) -> QuerySet[Task]:
    tasks = Task.objects.filter(subject=f"{PROJECT_SUBJECT}{project}") if project else Task.objects.all()
    return tasks.filter(job=job) if job else tasks


def _verdict(now: Total, before: Total, steps: list[causes.StepRow]) -> str:
    """What there is to say about how long it took, with the step that explains most of it."""
    times = changes.ratio(now, before)
    if times is None:
        ran = now.states.get(TaskState.SUCCEEDED, 0) + now.states.get(TaskState.FAILED, 0)
        return "" if not ran else (f"Too few runs to compare: {changes.FEWEST} are needed in this range and in the one "
                                   "before it.")
    new, old = (seconds(lengths(total, "run")["p50"]) for total in (now, before))
    if times < changes.SLOWER:
        return f"The median run took {new}, {old} in the period before" + (
            f": {100 * (1 - times):.0f} % quicker." if times <= changes.QUICKER else ": as before.")
    said = f"The median run took {new}, {old} in the period before: {100 * (times - 1):.0f} % slower."
    slow = next((step for step in steps if step.slower), None)
    return f"{said} The step “{slow.label}” of {slow.job} took {slow.now}, before {slow.before}." if slow else said
