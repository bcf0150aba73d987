"""The stacks of this node that outlive Hub: how many run, and stopping them all."""

from __future__ import annotations

import time

from django.conf import settings
from django.db import Error
from django.db.models import Q, QuerySet

from events.context import acting
from projects.actions import stop
from projects.errors import ProjectError
from projects.models import Project
from projects.observation import ALIVE
from projects.states import Desired, ProjectState
from tasks.actions import SubjectBusy
from tasks.models import Task
from tasks.states import TaskState

# Seconds. A stack gets its services' own grace periods; this is when we stop believing that it ends.
STOP_WITHIN = 120.0


def running() -> list[Project]:
    """The projects of which something runs, comes up or goes down."""
    at_rest = (ProjectState.STOPPED, ProjectState.FAILED)
    return list(_here().filter(~Q(state__in=at_rest) | Q(services__state__in=sorted(ALIVE))).distinct())


def to_stop() -> list[Project]:
    """Those, and the ones that failed while they ran: what watches them waits for somebody to try again."""
    return list(_here().exclude(Q(state=ProjectState.STOPPED) & Q(desired=Desired.STOPPED)))


def _here() -> QuerySet[Project]:
    return Project.objects.filter(node=settings.HUB_NODE)


def say_goodbye() -> None:
    """Print how many stacks stay behind."""
    try:
        count = len(running())
    except Error:  # the database is away: that must not keep Hub from stopping
        print("Hub has stopped. Stacks that were started keep running; bin/up --stop-stacks stops them.")
        return
    if count:
        stacks = "1 started stack keeps" if count == 1 else f"{count} started stacks keep"
        print(f"Hub has stopped. {stacks} running; bin/up --stop-stacks stops them.")
    else:
        print("Hub has stopped. No stack is running.")


def look() -> int:
    """1 when a stack runs; otherwise says so, and is 0."""
    if to_stop():
        return 1
    print("No stack is running.")
    return 0


def stop_all() -> int:
    """Stop every running stack by its usual task, wait for them, and print each result. 1 when one did not stop.

    Needs workers. What is being started or changed just now is stopped when that has ended.
    """
    projects = to_stop()
    if not projects:
        print("No stack is running.")
        return 0
    tasks: dict[str, Task | None] = {project.name: None for project in projects}
    failures = 0
    deadline = time.monotonic() + STOP_WITHIN
    with acting(actor="command line", via="command"):
        while tasks:
            for project in projects:
                if project.name not in tasks:
                    continue
                task = tasks[project.name] = _ask(project, tasks[project.name])
                if task is None or not task.has_ended:
                    continue
                del tasks[project.name]
                failures += task.state != TaskState.SUCCEEDED
                print(f"{project.name}: " + ("stopped" if task.state == TaskState.SUCCEEDED else
                                             task.error.partition("\n")[0] or str(task.state)), flush=True)
            if tasks and time.monotonic() > deadline:
                for name in tasks:
                    print(f"{name}: not stopped within {STOP_WITHIN:g} s", flush=True)
                return 1
            if tasks:
                time.sleep(0.2)
    return 1 if failures else 0


def _ask(project: Project, task: Task | None) -> Task | None:
    """The project's stop task as it is now; None while another task is in its way."""
    if task is not None:
        task.refresh_from_db()
        return task
    try:
        return stop(project)
    except (SubjectBusy, ProjectError):
        return None
