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


def a_project(folder: Path) -> Project:
    """A stopped project with one service."""
    return actions.create_project(name="Asked", path=str(folder), env={"TOKEN": "s3cret-value"})


def a_task(subject: str = "") -> Task:
    """A task that waits for tomorrow."""
    return enqueue(Sleep, {"seconds": 1}, subject=subject, run_at=timezone.now() + timedelta(days=1))


def an_ended_task(subject: str = "") -> Task:
    """A task that was cancelled."""
    return cancel(a_task(subject))
