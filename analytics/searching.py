"""The same figures for tasks that a query of the search grammar finds: counted one by one, as far as they are kept."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, OuterRef, Subquery

from analytics.errors import BadQuestion
from analytics.facts import fact_between, project_of
from analytics.measures import Total
from tasks.models import Attempt, Task
from tasks.search.finding import EXACT, all_of, answering
from tasks.search.query import read
from tasks.states import ENDED

# More are not counted one by one while somebody waits.
MOST = 200_000
COLUMNS = ("state", "created_at", "ready_at", "run_at", "started_at", "finished_at")


def found(query: str, by: str, begin: datetime, end: datetime) -> dict[str, Total]:
    """By job, lane, project, worker, priority or state what the tasks come to that a query finds and that ended from
    one moment on and before another, those with most tasks first. Raises BadQuery, SearchStopped and BadQuestion."""
    wanted = read(query)
    tasks = Task.objects.filter(finished_at__gte=begin, finished_at__lt=end, state__in=sorted(ENDED))
    totals: dict[str, Total] = {}
    with answering(wanted, EXACT):
        rows = all_of(tasks, wanted).order_by().annotate(by=_by(by)).values_list("by", *COLUMNS)[: MOST + 1]
        for number, (key, state, created, ready, planned, started, finished) in enumerate(rows.iterator()):
            if number == MOST:
                raise BadQuestion(f"More than {MOST:,} tasks are found.", "q",
                                  "Narrow it, or ask without q: then the roll-ups answer.")
            key = project_of(key) if by == "project" else str(key or "")
            total = totals.setdefault(key, Total())
            total.states[state] = total.states.get(state, 0) + 1
            total.all.take(fact_between(state, created, ready, planned, started, finished))
    return dict(sorted(totals.items(), key=lambda item: (-item[1].all.count, item[0])))


def _by(name: str) -> F | Subquery:
    if name == "worker":
        last = Attempt.objects.filter(task=OuterRef("pk")).order_by("-number")
        return Subquery(last.values("worker")[:1])
    return F("subject" if name == "project" else name)
