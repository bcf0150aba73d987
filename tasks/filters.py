"""Which tasks a list shows: read from the address, checked, and written into the addresses of its other parts."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.http import urlencode

from events.keyset import Asked, BadPart, Part
from tasks.job import job_classes
from tasks.lanes import LANES
from tasks.models import Task
from tasks.presentation import rows_of, version_of
from tasks.search.errors import BadQuery, NotYet, SearchStopped
from tasks.search.finding import Count, count, take
from tasks.search.qualifiers import KINDS
from tasks.search.query import Query, read
from tasks.shapes import PROJECT_SUBJECT
from tasks.states import TaskState

# How many of the newest tasks are looked at for what there is to choose from.
LOOKED_AT = 500
PERIODS = (("24h", "Last 24 hours"), ("7d", "Last 7 days"), ("30d", "Last 30 days"), ("90d", "Last 90 days"))
PRIORITIES = (("8..10", "High, 8 to 10"), ("4..7", "Medium, 4 to 7"), ("1..3", "Low, 1 to 3"),
              *((str(each), f"Priority {each}") for each in range(10, 0, -1)))  # fmt: skip
NAMES = ("q", "state", "job", "lane", "project", "subject", "correlation", "priority", "worker", "created")
# What may be chosen beside the box means what the qualifier of that name does.
AS_QUALIFIERS = ("priority", "worker", "created")
# The others have to be what stands in that column.
EXACT = {"state": "state", "job": "job", "lane": "lane", "correlation": "correlation_id"}


def offered(wanted: dict[str, str]) -> dict[str, list[str]]:
    """The `jobs` and `lanes` to choose from: what Hub itself does, what the newest tasks did (demo jobs show only
    there), and what is chosen now. One query."""
    seen = set(Task.objects.order_by("-id").values_list("job", "lane")[:LOOKED_AT])
    seen |= {(job.name, job.lane) for job in job_classes() if not job.name.startswith("demo.")}
    jobs, lanes = {job for job, _ in seen}, {lane for _, lane in seen}
    if job := wanted.get("job"):
        jobs.add(job)
    lanes.add(wanted.get("lane", ""))
    unknown = [lane for lane in lanes if lane and lane not in LANES]  # chosen, and refused in words
    return {"jobs": sorted(jobs), "lanes": [*(lane for lane in LANES if lane in lanes), *unknown]}


def choices(known: tuple[tuple[str, str], ...], chosen: str) -> list[tuple[str, str]]:
    """What a field offers, as (value, label); what an address has chosen stands there too."""
    return [*known, *([(chosen, chosen)] if chosen and chosen not in dict(known) else [])]


@dataclass(slots=True)
class Filters:
    """`wanted` as it was typed, empty ones left out; `asked` is the part of the list; `problem` says which of it all
    cannot be understood, `bad` where in the query, or that it was `stopped`. `query` is what the box and the fields
    beside it ask for."""

    wanted: dict[str, str] = field(default_factory=dict)
    asked: Asked = field(default_factory=Asked)
    problem: str = ""
    query: Query = field(default_factory=Query)
    bad: BadQuery | None = None
    stopped: SearchStopped | None = None

    @classmethod
    def read(cls, query: QueryDict) -> Filters:
        """The filters of an address."""
        wanted = {name: query.get(name, "").strip() for name in NAMES}
        filters = cls({name: value for name, value in wanted.items() if value})
        filters.problem = filters._problem()
        try:
            filters.query = filters._query(timezone.now())
        except BadQuery as error:
            filters.problem, filters.bad = filters.problem or str(error), error
        try:
            filters.asked = Asked.read(query)
        except BadPart as error:
            filters.problem = filters.problem or str(error)
        return filters

    @property
    def status(self) -> int:
        """The HTTP status of a page with this list."""
        if self.stopped is not None:
            return 503 if isinstance(self.stopped, NotYet) else 422
        return 400 if self.problem else 200

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
                part = take(self.rows(), self.query, limit=self.asked.limit, cursor=self.asked.cursor, ascending=asc)
            except BadPart as error:
                self.problem = str(error)
            except SearchStopped as error:
                self.problem, self.stopped = str(error), error
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
            "counted": urlencode(first),
            "as_query": "" if self.problem else self.as_query(),
            "tabs": urlencode({name: value for name, value in first.items() if name != "state"}),
            # Only what a task here is about: whoever reads tasks may not ask for any other row by its address.
            "about": next((row.subject for row in rows if row.task.subject == self.wanted_subject), None),
        }

    def _problem(self) -> str:
        if (state := self.wanted.get("state")) and state not in TaskState.values:
            return f"There is no state {state[:40]!r}. Tasks are {', '.join(TaskState.values)}."
        if (lane := self.wanted.get("lane")) and lane not in LANES:
            return f"There is no lane {lane[:40]!r}. Lanes are {', '.join(LANES)}."
        if (project := self.wanted.get("project")) and not re.fullmatch("[0-9]{1,18}", project):
            return "A project is named by its number."
        if correlation := self.wanted.get("correlation"):
            try:
                uuid.UUID(correlation)
            except ValueError:
                return "A request is named by a UUID, such as 1b4e28ba-2fa1-41d2-883f-0016d3cca427."
        return ""

    def _query(self, now: datetime) -> Query:
        query = read(self.wanted.get("q", ""), now)
        for name in AS_QUALIFIERS:
            if value := self.wanted.get(name):
                query = query.narrowed(KINDS[name], value, now)
        exact = {column: self.wanted[name] for name, column in EXACT.items() if name in self.wanted}
        return query.exactly(**exact, **({"subject": self.wanted_subject} if self.wanted_subject else {}))

    def as_query(self) -> str:
        """All of it as one query, which finds the same."""
        asked = [f'{name}:"{value}"' for name, value in self.wanted.items() if name != "q"]
        return " ".join([*([f"({self.wanted['q']})"] if self.wanted.get("q") else []), *asked])

    def count(self) -> Count:
        """How many tasks there are of these, counted up to 500,000. Raises SearchStopped."""
        return count(self.rows(), self.query)

    def rows(self) -> QuerySet[Task]:
        """All tasks, of which a list reads what it shows."""
        return Task.objects.defer("params", "result", "detail")
