"""Trial jobs, run by real workers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.models import Task
from tasks.rescue import Rescuer


@pytest.fixture
def trial_workers(workers) -> Callable:
    """As `workers`, which know the jobs of `tasks.tests.jobs`."""
    return lambda number=1, **options: workers(
        number, environ={"DJANGO_SETTINGS_MODULE": "tasks.tests.settings"}, **options
    )


@pytest.fixture
def said(tmp_path: Path) -> Path:
    """The file to which trial jobs say what they do."""
    path = tmp_path / "said"
    path.touch()
    return path


@pytest.fixture
def wait_for(eventually) -> Callable:
    """`wait_for(task, "running", timeout=10)`: the task as read when it is in one of these states."""

    def wait(task: Task, *states: str, timeout: float = 10.0) -> Task:
        def reached() -> Task | None:
            found = Task.objects.get(pk=task.pk)
            return found if found.state in states else None

        return eventually(reached, timeout, f"{task} was not {states} within {timeout} s.")

    return wait


@pytest.fixture
def rescued(eventually) -> Callable:
    """`rescued(predicate, timeout=15)`: passes of a new rescuer, as `watch` makes them, until the predicate holds."""
    rescuer = Rescuer()

    def wait(predicate: Callable, timeout: float = 15.0):
        def passes():
            rescuer.rescue()
            return predicate()

        return eventually(passes, timeout)

    return wait
