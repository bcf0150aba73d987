"""What more than one table asks about."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from projects import actions
from projects.models import Project
from tasks.actions import cancel, enqueue
from tasks.jobs import Sleep
from tasks.models import Task

# Nothing that is answered to those who see another project only has this word in it.
NAME = "Zanzibar"


def a_project(folder: Path) -> Project:
    """A stopped project with one service."""
    return actions.create_project(name=NAME, path=str(folder), env={"TOKEN": "s3cret-value"})


def a_task(subject: str = "") -> Task:
    """A task that waits for tomorrow."""
    return enqueue(Sleep, {"seconds": 1}, subject=subject, run_at=timezone.now() + timedelta(days=1))


def an_ended_task(subject: str = "") -> Task:
    """A task that was cancelled."""
    return cancel(a_task(subject))
