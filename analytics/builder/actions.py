"""What can be done with reports that are kept."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.http import QueryDict

from analytics.builder.definition import read
from analytics.builder.errors import BadReport
from analytics.builder.jobs import SendReport
from analytics.builder.models import SavedReport
from events.actions import record
from events.context import current
from tasks.schedules import actions as schedules
from tasks.schedules.errors import BadSchedule
from tasks.schedules.models import Schedule


def keep(name: str, query: str) -> SavedReport:
    """Keep a report under a name. Raises BadReport."""
    name = name.strip()
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise BadReport("A name has 1 to 100 letters.", "name")
    report = read(QueryDict(query))
    saved = SavedReport(name=name, query=report.query, created_by=current().actor)
    try:
        with transaction.atomic():
            saved.save()
            record("report.kept", {"report": saved.pk, "name": name, "query": saved.query})
    except IntegrityError:
        raise BadReport(f"There is a report named {name!r} already.", "name") from None
    return saved


def remove(saved: SavedReport) -> None:
    """Delete a report and the schedules that send it."""
    with transaction.atomic():
        for schedule in schedules_of(saved):
            schedules.remove(schedule)
        record("report.removed", {"report": saved.pk, "name": saved.name})
        saved.delete()


def schedules_of(saved: SavedReport) -> list[Schedule]:
    """What sends it."""
    return [one for one in Schedule.objects.filter(job=SendReport.name) if one.params.get("report") == saved.pk]


def send_by_schedule(saved: SavedReport, channel: int, cron: str, zone: str = "UTC") -> Schedule:
    """Send it through a channel at times of the clock, by a schedule like any other. Raises BadReport."""
    try:
        return schedules.create(name=f"Report: {saved.name} ({channel})", job=SendReport.name, cron=cron, zone=zone,
                                params={"report": saved.pk, "channel": channel})
    except BadSchedule as error:
        raise BadReport(error.message, {"name": "channel", "params": "channel"}.get(error.field, error.field)) from None
