"""What can be done with sprints, reports and experiments: the use cases behind page, API, admin and commands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from events.actions import record
from events.changes import differences
from retrospectives.errors import BadSprint, NotEnough, RetrospectiveError
from retrospectives.files import Fault, read_file
from retrospectives.following import Followed
from retrospectives.metrics import EVERY
from retrospectives.models import Experiment, Report, Sprint
from retrospectives.rows import Row, read_row

FEWEST, MOST = 3, 20
LONGEST_CONTEXT = 10_000
KEEP_DAYS = 90


@dataclass(slots=True)
class Kept:
    """What became of sprints that came in; `names` by outcome."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    errors: list[Fault] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {"created": len(self.created), "updated": len(self.updated), "skipped": len(self.skipped),
                "errors": [fault.as_dict() for fault in self.errors]}


def enter(given: dict[str, Any], team: str = "") -> Sprint:
    """Keep one sprint that was entered by hand, in place of an earlier one with its id. Raises BadSprint."""
    row = read_row(given, team)
    kept = keep([row], source="hand")
    if kept.errors:
        raise BadSprint(kept.errors[0].message, kept.errors[0].field)
    return Sprint.objects.get(team=row.team, sprint_id=row.sprint_id)


def import_file(content: bytes, team: str = "") -> Kept:
    """Keep the sprints of a CSV or JSON file; those that are wrong are left out, and told. Raises RetrospectiveError
    when it is no such file."""
    rows, faults = read_file(content, team)
    kept = keep(rows, source="file")
    kept.errors = sorted([*faults, *kept.errors], key=lambda fault: fault.row)
    return kept


def keep(rows: Iterable[Row], *, source: str, again: bool = True) -> Kept:
    """Write sprints, one by one in one transaction, over those with the same team and id; with `again` off, known ones
    are skipped. One that overlaps another sprint of its team is left out, and told."""
    kept, told = Kept(), {}
    with transaction.atomic():
        for number, row in enumerate(rows, 1):
            known = Sprint.objects.filter(team=row.team, sprint_id=row.sprint_id).first()
            if known is not None and not again:
                kept.skipped.append(row.name)
                continue
            if problem := overlap(row):
                kept.errors.append(Fault(number, "start_date", problem))
                continue
            if source == "hand":  # of a whole file only the names are told
                told = differences({} if known is None else _facts(known), _facts(row))
            Sprint.objects.update_or_create(team=row.team, sprint_id=row.sprint_id, defaults={
                "name": row.name, "start_date": row.start, "end_date": row.end, "values": row.values,
                "source": source, "fetched_at": timezone.now(),
            })
            (kept.created if known is None else kept.updated).append(row.name)
        if kept.created or kept.updated:
            record("sprint.kept", {"source": source, "created": kept.created[:20], "updated": kept.updated[:20],
                                   **told})
    return kept


def _facts(one: Sprint | Row) -> dict[str, Any]:
    """What the audit log compares."""
    start, end = (one.start_date, one.end_date) if isinstance(one, Sprint) else (one.start, one.end)
    return {"name": one.name, "start_date": str(start), "end_date": str(end), **one.values}


def overlap(row: Row) -> str:
    """What is wrong when a sprint overlaps another one of its team; empty when none does. One may begin on the day on
    which the one before ends."""
    other = Sprint.objects.filter(team=row.team, start_date__lt=row.end, end_date__gt=row.start).exclude(
        sprint_id=row.sprint_id).first()
    if other is None:
        return ""
    return f"{row.name} ({row.start} to {row.end}) overlaps {other.name} ({other.start_date} to {other.end_date})."


def remove_sprint(sprint: Sprint) -> None:
    """Delete a sprint; reports that were made of it stay as they are."""
    with transaction.atomic():
        record("sprint.deleted", {"team": sprint.team, "sprint": sprint.sprint_id, "name": sprint.name})
        sprint.delete()


def chosen(*, team: str = "", count: int | None = None, ids: Sequence[str] | None = None) -> list[Sprint]:
    """The sprints that a report is asked for, oldest first: the `count` newest of a team, or those with these ids.
    Raises RetrospectiveError (field sprint_count or sprint_ids) and NotEnough."""
    of_team = Sprint.objects.filter(team=team)
    if ids is not None and count is not None:
        raise RetrospectiveError("Give sprint_count or sprint_ids, not both.", "sprint_ids")
    if ids is None:
        wanted = MOST if count is None else count
        if not FEWEST <= wanted <= MOST:
            raise RetrospectiveError(f"A report is made of {FEWEST} to {MOST} sprints.", "sprint_count")
        found = list(of_team.order_by("-end_date", "-pk")[:wanted])[::-1]
        where = "sprint_count"
    else:
        twice = sorted({one for one in ids if list(ids).count(one) > 1})
        if twice:
            raise RetrospectiveError(f"The sprint {twice[0][:60]!r} is there twice.", "sprint_ids")
        if not FEWEST <= len(ids) <= MOST:
            raise RetrospectiveError(f"A report is made of {FEWEST} to {MOST} sprints, not of {len(ids)}.",
                                     "sprint_ids")
        found = list(of_team.filter(sprint_id__in=ids).order_by("end_date", "pk"))
        missing = sorted(set(ids) - {one.sprint_id for one in found})
        if missing:
            whose = f"team {team!r}" if team else "this team"
            raise RetrospectiveError(f"There is no sprint {missing[0][:60]!r} of {whose}.", "sprint_ids")
        where = "sprint_ids"
    if len(found) < FEWEST:
        whose = f"team {team!r}" if team else "this team"
        raise NotEnough(f"There are {len(found)} sprints of {whose}; a report needs {FEWEST}. "
                        "Enter or import some first.", where)
    if not any(one.values for one in found):
        raise NotEnough("None of these sprints has a value.", where)
    return found


def check_focus(focus: Sequence[str]) -> None:
    """Raise RetrospectiveError for a metric that there is not."""
    for key in focus:
        if key not in EVERY:
            raise RetrospectiveError(f"There is no metric {key[:60]!r}: use {', '.join(EVERY)}.", "focus_metrics")


def check_context(context: str) -> None:
    """Raise RetrospectiveError for a context that is too long."""
    if len(context) > LONGEST_CONTEXT:
        raise RetrospectiveError(f"It has {len(context):,} characters; at most {LONGEST_CONTEXT:,} are kept.",
                                 "custom_context")


def running(team: str) -> list[Experiment]:
    """The experiments of a team that somebody began and nobody has judged yet, oldest first."""
    return list(Experiment.objects.filter(report__team=team, state=Experiment.State.RUNNING).order_by("pk"))


def keep_report(content: dict[str, Any], *, team: str, task: Any, by: str, tried: Sequence[Followed]) -> Report:
    """Write a report, its experiments, and what became of earlier ones. A second time for one task, as after a death
    of its worker, gives the first."""
    with transaction.atomic():
        known = task and Report.objects.filter(task=task).first()
        if known:
            return known
        report = Report.objects.create(team=team, task=task, created_at=timezone.now(), created_by=by, content=content)
        Experiment.objects.bulk_create(
            Experiment(report=report, rank=rank, title=one["title"], measure=one["measure"], target=one["target"],
                       duration_sprints=one["duration_sprints"])
            for rank, one in enumerate(content["experiments"], 1)
        )
        for one in tried:
            if one.state != Experiment.State.RUNNING:
                Experiment.objects.filter(pk=one.experiment.pk, state=Experiment.State.RUNNING).update(
                    state=one.state, outcome=one.text[:300])
        record("report.made", {"report": report.pk, "team": team, "headline": content["headline"]})
    return report


def begin(experiment: Experiment, owner: str) -> None:
    """Somebody begins an experiment that was proposed. Raises RetrospectiveError when it is no longer open."""
    owner = owner.strip()
    if not 0 < len(owner) <= 100:
        raise RetrospectiveError("Name who looks after it, in at most 100 characters.", "owner")
    _move(experiment, (Experiment.State.PROPOSED,), Experiment.State.RUNNING, owner=owner, began_at=timezone.now())


def drop(experiment: Experiment) -> None:
    """It is not tried, or no longer. Raises RetrospectiveError when it has ended."""
    _move(experiment, (Experiment.State.PROPOSED, Experiment.State.RUNNING), Experiment.State.DROPPED)


def _move(experiment: Experiment, sources: Sequence[str], to: str, **fields: Any) -> None:
    with transaction.atomic():
        if not Experiment.objects.filter(pk=experiment.pk, state__in=sources).update(state=to, **fields):
            experiment.refresh_from_db()
            raise RetrospectiveError(f"It is {experiment.get_state_display().lower()} already.", "state")
        record(f"experiment.{to}", {"report": experiment.report_id, "title": experiment.title, **{
            name: str(value) for name, value in fields.items()}})


def old_reports(days: int = KEEP_DAYS) -> Any:
    """The reports that are older than so many days. Raises RetrospectiveError."""
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= 36_500:
        raise RetrospectiveError("Reports are kept for 1 to 36,500 days.", "days")
    return Report.objects.filter(created_at__lt=timezone.now() - timedelta(days=days))


def clean_up(days: int = KEEP_DAYS, *, dry: bool = False) -> dict[str, int]:
    """Delete reports older than `days` with their experiments; with `dry` only count them. Experiments that still run
    keep their report. Gives `reports`, `experiments`, `kept_for_experiments`."""
    old = old_reports(days)
    held = old.filter(experiments__state=Experiment.State.RUNNING).distinct()
    going = old.exclude(pk__in=held.values("pk"))
    found = {"reports": going.count(), "experiments": Experiment.objects.filter(report__in=going).count(),
             "kept_for_experiments": held.count()}
    if not dry and found["reports"]:
        with transaction.atomic():
            going.delete()
            record("report.cleaned", {**found, "days": days})
    return found
