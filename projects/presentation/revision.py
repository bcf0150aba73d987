"""Revisions as pages list them, and what is to be said where the one that runs is not what the folder says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from events.words import ago
from projects import comparison, revisions
from projects.errors import ProjectError
from projects.models import Project, Revision
from projects.presentation.cause import Cause, cause_of
from projects.presentation.logline import key_line
from projects.states import ProjectState
from tasks.masking import told_detail
from tasks.models import Task
from tasks.presentation import Look
from tasks.states import TaskState

GOOD = Look(TaskState.SUCCEEDED, "s-succeeded", "Became healthy")
BAD = Look(TaskState.FAILED, "s-failed", "Did not start")
OPEN = Look(TaskState.QUEUED, "s-queued", "Not known")


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """A kept revision. `note` says what it is again, or why it did not start; `current`: it was started last."""

    number: int
    look: Look
    note: str
    when: str
    services: str
    task: str
    current: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """Why a kept revision runs in the place of what the folder says. `title` says what happened, `text` what runs now;
    `line` is the line of the log that most likely says why; `failed` the revision that did not start, if any.
    """

    title: str
    text: str
    line: str
    number: int
    failed: int | None
    cause: Cause | None = None


def rows_of(kept: Sequence[Revision], now: datetime) -> list[RevisionRow]:
    """The kept revisions of a project, the newest first."""
    return [
        RevisionRow(
            one.number, GOOD if one.started_ok else OPEN if one.started_ok is None else BAD, _note(one),
            ago(one.created_at, now), ", ".join(service["name"] for service in one.definition["services"]),
            str(one.task_id or ""), place == 0,
        )
        for place, one in enumerate(kept)
    ]


def standing_of(project: Project) -> Standing | None:
    """None while what runs (or is started) was read from the folder. Two queries at most, and a look at the folder."""
    last = project.revisions.defer("environment").first()
    if last is None or last.restored is None or not last.started_ok or project.state != ProjectState.RUNNING:
        return None
    differs = _differs(project, last)
    if not last.because:
        return Standing(f"Revision {last.restored} runs again.", differs, "", last.restored, None)
    failed = project.revisions.filter(task_id=last.task_id, because="").values_list("number", flat=True).first()
    detail = told_detail(Task.objects.filter(pk=last.task_id).values_list("detail", flat=True).first() or "")
    what = f"Revision {failed} did not start" if failed else "The start failed"
    now = f"Hub returned to revision {last.restored}, the last that became healthy; it runs now. {differs}"
    cause = cause_of(last.because, detail.splitlines(), containers=project.engine != Project.Engine.PROCESS)
    return Standing(f"{what}: {last.because}", now, key_line(detail), last.restored, failed, cause)


def good_before(project: Project) -> int | None:
    """The number of the last good revision, to offer where a start has failed; None while there is none."""
    if project.state != ProjectState.FAILED:
        return None
    last = project.revisions.values_list("number", flat=True).first()
    good = revisions.last_good(project, before=last)
    return good.number if good else None


def _differs(project: Project, last: Revision) -> str:
    try:
        found = comparison.differences(comparison.of_revision(project.revisions.get(pk=last.pk)),
                                       comparison.of_folder(project))
    except ProjectError as error:
        return f"What Hub kept of it runs: the folder cannot be read now. {error.message}"
    if not found:
        return "The folder says the same."
    return (f"What Hub kept of it runs, and not what the folder says: {len(found)} "
            f"difference{'' if len(found) == 1 else 's'}. A restart starts what the folder says.")


def _note(one: Revision) -> str:
    if one.because:
        return f"Revision {one.restored} again, after a start had failed"
    again = f"Revision {one.restored} again" if one.restored else ""
    error = one.error if one.started_ok is False else ""
    return ". ".join(part for part in (again, error) if part)
