"""Which tasks a list shows: read from the address, checked, and written into the addresses of its other parts."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.http import urlencode

from events.keyset import Asked, BadPart, Part, take
from tasks.job import job_classes
from tasks.lanes import LANES
from tasks.models import Task
from tasks.presentation import rows_of, version_of
from tasks.shapes import PROJECT_SUBJECT
from tasks.states import TaskState

# How many of the newest tasks are looked at for what there is to choose from.
LOOKED_AT = 500
NAMES = ("state", "job", "lane", "project", "subject", "correlation")


def offered(wanted: dict[str, str]) -> dict[str, list[str]]:
    """The `jobs` and `lanes` to choose from: what Hub itself does, what the newest tasks did (demo jobs show only
    there), and what is chosen now. One query."""
    seen = set(Task.objects.order_by("-id").values_list("job", "lane")[:LOOKED_AT])
    seen |= {(job.name, job.lane) for job in job_classes() if not job.name.startswith("demo.")}
    jobs, lanes = {job for job, _ in seen}, {lane for _, lane in seen}
    if job := wanted.get("job"):
        jobs.add(job)
    lanes.add(wanted.get("lane", ""))
    return {"jobs": sorted(jobs), "lanes": [lane for lane in LANES if lane in lanes]}


@dataclass(slots=True)
class Filters:
    """`wanted` as it was typed, empty ones left out; `asked` is the part of the list; `problem` says which of it all
    cannot be understood."""

    wanted: dict[str, str] = field(default_factory=dict)
    asked: Asked = field(default_factory=Asked)
    problem: str = ""

    @classmethod
    def read(cls, query: QueryDict) -> Filters:
        """The filters of an address."""
        wanted = {name: query.get(name, "").strip() for name in NAMES}
        filters = cls({name: value for name, value in wanted.items() if value})
        filters.problem = filters._problem()
        try:
            filters.asked = Asked.read(query)
        except BadPart as error:
            filters.problem = filters.problem or str(error)
        return filters

    @property
    def wanted_subject(self) -> str:
        """The subject asked for, by itself or as a project."""
        project = self.wanted.get("project")
        return f"{PROJECT_SUBJECT}{project}" if project else self.wanted.get("subject", "")

    def page(self, now: datetime) -> dict[str, Any]:
        """The context of `tasks/_rows.html`."""
        part = Part([], None)
        if not self.problem:
            try:
                asc = self.asked.order == "asc"
                part = take(self._rows(), limit=self.asked.limit, cursor=self.asked.cursor, ascending=asc)
            except BadPart as error:
                self.problem = str(error)
        rows = rows_of(part.items, now)
        first = {**self.wanted, **self.asked.given()}
        here = {**first, **({"cursor": self.asked.cursor} if self.asked.cursor else {})}
        version = version_of(row.view for row in rows)
        return {
            "rows": rows,
            "filters": self,
            "asked": self.asked,
            "problem": self.problem,
            "rows_version": version,
            "poll": urlencode({**here, "v": version}),
            "live": any(row.view.active for row in rows),
            "here": urlencode(here),
            "older": urlencode({**first, "cursor": part.next_cursor}) if part.next_cursor else "",
            "newest": urlencode(first) if self.asked.cursor else None,
            "tabs": urlencode({name: value for name, value in first.items() if name != "state"}),
            # Only what a task here is about: whoever reads tasks may not ask for any other row by its address.
            "about": next((row.subject for row in rows if row.task.subject == self.wanted_subject), None),
        }

    def _problem(self) -> str:
        if (state := self.wanted.get("state")) and state not in TaskState.values:
            return f"There is no state {state[:40]!r}. Tasks are {', '.join(TaskState.values)}."
        if (project := self.wanted.get("project")) and not re.fullmatch("[0-9]{1,18}", project):
            return "A project is named by its number."
        if correlation := self.wanted.get("correlation"):
            try:
                uuid.UUID(correlation)
            except ValueError:
                return "A request is named by a UUID, such as 1b4e28ba-2fa1-41d2-883f-0016d3cca427."
        return ""

    def _rows(self) -> QuerySet[Task]:
        tasks = Task.objects.defer("params", "result", "detail")
        for name, column in (("state", "state"), ("job", "job"), ("lane", "lane"), ("correlation", "correlation_id")):
            if value := self.wanted.get(name):
                tasks = tasks.filter(**{column: value})
        return tasks.filter(subject=self.wanted_subject) if self.wanted_subject else tasks
