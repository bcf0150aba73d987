"""The data sets of tasks and events."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from analytics.builder.datasets import BYTES, ID, JSON, NUMBER, SECONDS, TIME, Column, DataSet, register
from analytics.ranges import tasks_url
from events.actions import matching
from events.models import Event
from events.subjects import own
from tasks.models import Attempt, Task
from tasks.search import finding, query
from tasks.search.lengths import Microseconds, ran, waited
from tasks.states import TaskState


def _search_tasks(rows: QuerySet[Task], text: str) -> QuerySet[Task]:
    return finding.all_of(rows, query.read(text))


def _search_attempts(rows: QuerySet[Attempt], text: str) -> QuerySet[Attempt]:
    """The attempts of the tasks that the query finds."""
    return rows.filter(task__in=finding.all_of(Task.objects.all(), query.read(text)).values("pk"))


def _search_events(rows: QuerySet[Event], text: str) -> QuerySet[Event]:
    return matching(text if text.startswith("hub.") else f"{own()}{text}", rows)


register(
    DataSet(
        "tasks", "Tasks", Task.objects.all, (
            Column("id", "Id", ID, wide=True), Column("job", "Job"), Column("name", "Name", source="title", wide=True),
            Column("state", "State"), Column("lane", "Lane"), Column("priority", "Priority", NUMBER),
            Column("subject", "About"), Column("node", "Node"), Column("actor", "Actor"),
            Column("attempt", "Attempts", NUMBER), Column("created_at", "Created", TIME),
            Column("started_at", "Started", TIME), Column("finished_at", "Ended", TIME),
            Column("wait", "Wait", SECONDS, waited(), micro=True), Column("run", "Run", SECONDS, ran(), micro=True),
            Column("error", "Error", wide=True, payload=True),
            Column("params", "Parameters", JSON, payload=True), Column("result", "Result", JSON, payload=True),
            Column("correlation_id", "Request", ID, wide=True),
        ),
        ("id", "job", "name", "state", "lane", "priority", "created_at", "started_at", "finished_at", "wait", "run"),
        at="created_at", search=_search_tasks,
        hint="As in the search box of the tasks page, such as state:failed job:demo.*", listed=tasks_url,
        qualifiers={"job": "job", "state": "state", "lane": "lane", "priority": "priority", "subject": "subject",
                    "actor": "actor", "attempt": "attempt", "created_at": "created", "finished_at": "ended"},
        failed=Q(state=TaskState.FAILED), judged=Q(state__in=(TaskState.FAILED, TaskState.SUCCEEDED)),
    ),
    DataSet(
        "attempts", "Attempts", Attempt.objects.all, (
            Column("id", "Id", ID, wide=True), Column("task", "Task", ID, source="task_id", wide=True),
            Column("job", "Job", source="task__job"), Column("lane", "Lane", source="task__lane"),
            Column("number", "Number", NUMBER), Column("worker", "Worker"), Column("host", "Host"),
            Column("started_at", "Started", TIME), Column("ended_at", "Ended", TIME), Column("outcome", "Outcome"),
            Column("run", "Run", SECONDS, Microseconds("started_at", "ended_at"), micro=True),
            Column("exit_code", "Exit code", NUMBER), Column("signal", "Signal"),
            Column("memory", "Memory at its death", BYTES), Column("error", "Error", wide=True, payload=True),
        ),
        ("task", "job", "number", "worker", "started_at", "ended_at", "run", "outcome", "exit_code", "signal"),
        at="started_at", search=_search_attempts, hint="Of the tasks that this finds, such as lane:reports",
        failed=Q(outcome__in=("failed", "died")), judged=Q(outcome__in=("failed", "died", "succeeded")),
    ),
    DataSet(
        "events", "Events", Event.objects.all, (
            Column("id", "Id", ID, wide=True), Column("position", "Position", NUMBER), Column("subject", "Subject"),
            Column("actor", "Actor"), Column("origin", "By"), Column("about", "About"),
            Column("timestamp", "Time", TIME), Column("correlation_id", "Request", ID, wide=True),
            Column("payload", "Payload", JSON, payload=True),
        ),
        ("timestamp", "subject", "actor", "origin", "about", "correlation_id"),
        at="timestamp", search=_search_events, hint="A subject, such as task.failed or project.>",
    ),
)
