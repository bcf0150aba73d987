"""What people type about schedules. The rules are in `tasks.schedules.actions`, for page, admin and command alike; a
form carries the text, and shows what was refused beside its field."""

from __future__ import annotations

from typing import Any

from django import forms

from tasks.job import job_classes
from tasks.lanes import HIGHEST, LANES, LOWEST
from tasks.schedules import actions
from tasks.schedules.errors import BadSchedule
from tasks.schedules.models import Overlap, Schedule
from tasks.schedules.times import written

KINDS = [("cron", "At times of the clock"), ("interval", "Every so often"), ("once", "Once")]


def startable() -> list[str]:
    """The names of the jobs that a schedule may run."""
    return [job.name for job in job_classes() if job.startable]


class ScheduleForm(forms.Form):
    """A schedule, or with `kind` once a single task at a time."""

    name = forms.CharField(required=False, max_length=200)
    job = forms.CharField(required=False, max_length=200)
    params = forms.CharField(required=False, strip=False, max_length=400_000)
    kind = forms.ChoiceField(choices=KINDS, initial="cron")
    cron = forms.CharField(required=False, max_length=200)
    interval = forms.CharField(required=False, max_length=200)
    at = forms.CharField(required=False, max_length=200)
    zone = forms.CharField(required=False, max_length=200, initial="UTC")
    overlap = forms.CharField(required=False, max_length=40, initial=Overlap.SKIP)
    lane = forms.CharField(required=False, max_length=40)
    priority = forms.IntegerField(min_value=LOWEST, max_value=HIGHEST, initial=5)

    lanes = LANES
    overlaps = Overlap.choices

    @classmethod
    def of(cls, schedule: Schedule) -> ScheduleForm:
        """The form that shows a schedule as it is."""
        return cls(initial=typed(schedule))

    def wish(self) -> dict[str, Any]:
        """What `actions.create` and `actions.change` take. Raises BadSchedule."""
        data = self.cleaned_data
        wish = {name: data[name] for name in ("name", "job", "lane", "priority", "zone", "overlap")}
        cron, interval = (data[name] if data["kind"] == name else "" for name in ("cron", "interval"))
        if not cron.strip() and not interval.strip():
            example = "such as 30 4 * * *" if data["kind"] == "cron" else "such as 15m"
            raise BadSchedule(f"Say when it is to run, {example}.", data["kind"])
        return {**wish, "params": actions.read_params(data["params"]), "cron": cron, "interval": interval}

    def refuse(self, error: BadSchedule) -> None:
        """Show the error beside its input, or above the form when it has none."""
        self.add_error(error.field if error.field in self.fields else None, error.message)


def typed(schedule: Schedule) -> dict[str, Any]:
    """A schedule as somebody would type it into a form."""
    names = ("name", "job", "lane", "priority", "cron", "zone", "overlap")
    return {
        **{name: getattr(schedule, name) for name in names},
        "params": actions.written_params(schedule.params),
        "interval": written(schedule.every) if schedule.every else "",
        "kind": "cron" if schedule.cron else "interval",
    }
