"""What every engine must do when a start is left in its middle, on the level of tasks: real workers, real kill -9.

An engine's tests inherit `StartConformance` and give a fixture `shop`. The stages are those that a start itself plans,
so one that is new is tried as well.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from django.conf import settings

from projects import actions
from projects.binding import engine_of, running_stack
from projects.models import Project
from projects.states import Desired, ProjectState
from projects.tests.engines.processes_seen import can_bind, until
from projects.tests.held_workers import Held, HeldWorkers
from projects.tests.stack_tasks import done
from tasks import actions as task_actions
from tasks import rescue
from tasks.models import Task
from tasks.states import TaskState

WITHIN = 15.0
PATIENCE = 60.0
ROUNDS = 10
OUTCOMES = {TaskState.SUCCEEDED: ProjectState.RUNNING, TaskState.FAILED: ProjectState.FAILED}
PLANNED = "plan"
"""The stage before the first: what is to be done is known, and nothing of it has begun."""


class Shop(Protocol):
    """A folder whose stack has a one-shot `job` and, after it, a service `web` with a port. `kinds`: the kinds of stage
    that a start of it has at least. `environ` is what a worker needs to start it."""

    engine: str
    kinds: set[str]
    environ: dict[str, str]

    def write(self, folder: Path) -> None:
        """Write the stack's files; again, so that what is built has to be built anew."""

    def alive(self, slug: str) -> list[str]:
        """Everything of that project that lives, seen without Hub, one line for each."""

    def left(self, slug: str) -> list[str]:
        """What a stop must not leave, seen without Hub: what lives, networks, commands under way."""


def ended(task: Task) -> Task | None:
    """The task as it is now, once it has ended."""
    task.refresh_from_db()
    return None if task.is_active else task


def held_or_ended(held: HeldWorkers, task: Task) -> Held | None:
    """The next stage at which the task is held, once it is; None when it has ended."""
    until(lambda: held.held() or ended(task), PATIENCE, "the next stage, or the end")
    return held.held()


def begun_anew(task: Task) -> None:
    """The rescuer has found the task whose worker is dead, and somebody has taken it, or it has ended."""
    number = Task.objects.values_list("attempt", flat=True).get(pk=task.pk)
    until(lambda: rescue.rescue() is not None and (ended(task) or task.attempt > number), PATIENCE, "it is begun anew")


def duplicates(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def kinds_of(stages: set[str]) -> set[str]:
    return {stage.partition(":")[0] for stage in stages}


@pytest.mark.django_db(transaction=True)
class StartConformance:
    @pytest.fixture
    def project(self, shop: Shop, tmp_path: Path, redis_server) -> Iterator[Project]:
        redis_server.client().flushall()
        folder = settings.HUB_PROJECTS_ROOT / f"left-{shop.engine}-{tmp_path.name}"
        folder.mkdir()
        shop.write(folder)
        project = actions.create_project(name=f"Left {shop.engine}", path=str(folder), engine=shop.engine)
        yield project
        task = done(actions.delete(project, data="remove", confirm=project.name))
        assert task.state == TaskState.SUCCEEDED, task.error
        shutil.rmtree(folder)
        redis_server.client().flushall()

    @pytest.fixture
    def held(self, shop: Shop, project: Project, tmp_path: Path, monkeypatch) -> Iterator[HeldWorkers]:
        # Nobody here is between two steps when the rescuer looks: who is gone is dead.
        monkeypatch.setattr(rescue, "GONE_HERE", 0.1)
        (tmp_path / "held-workers").mkdir()
        (tmp_path / "held-workers" / "tried").touch()
        with HeldWorkers(tmp_path / "held-workers", shop.environ) as held:
            held.begin()
            yield held

    def test_a_start_that_is_cancelled_at_any_stage_leaves_nothing(self, shop: Shop, project: Project,
                                                                   held: HeldWorkers) -> None:
        tried, planned = set(), set()
        task = actions.start(project)
        while stop := held_or_ended(held, task):
            tried.add(stop.stage)
            planned |= set(stop.plan)
            self.cancel(shop, project, held, task, stop.stage)
            held.go_on(stop.stage)
            shop.write(Path(project.path))
            task = actions.start(project)
        self.assert_tried(shop, tried, planned)
        self.assert_runs_and_stops(shop, project, task, held)

    def test_a_worker_that_is_killed_at_any_stage_leaves_one_of_each(self, shop: Shop, project: Project,
                                                                     held: HeldWorkers) -> None:
        tried, planned = set(), set()
        task = actions.start(project)
        for _ in range(ROUNDS):
            while stop := held_or_ended(held, task):
                tried.add(stop.stage)
                planned |= set(stop.plan)
                self.kill(shop, project, held, stop.stage)
                begun_anew(task)
            if task.state == TaskState.SUCCEEDED and planned <= tried:
                break
            # Three deaths are enough for one task; and what was done unseen before a kill is not planned again.
            project.refresh_from_db()
            assert project.state == OUTCOMES[task.state], task.error
            self.stop(project)
            shop.write(Path(project.path))
            task = actions.start(project)
        self.assert_tried(shop, tried, planned)
        self.assert_runs_and_stops(shop, project, task, held)

    def cancel(self, shop: Shop, project: Project, held: HeldWorkers, task: Task, stage: str) -> None:
        """Cancel the start: within 15 s nothing of it is left, and the project says so."""
        until_gone = time.monotonic() + WITHIN
        task_actions.cancel(Task.objects.get(pk=task.pk))
        until(lambda: ended(task), WITHIN, f"the cancel at {stage} is done")
        until(lambda: shop.left(project.slug) + held.strays() == [], until_gone - time.monotonic(),
              f"nothing is left after a cancel at {stage}")
        project.refresh_from_db()
        assert (task.state, project.state, project.desired) == (
            TaskState.CANCELLED, ProjectState.STOPPED, Desired.STOPPED), stage
        assert all(can_bind(lease.host_port) for lease in project.leases.all()), stage

    def kill(self, shop: Shop, project: Project, held: HeldWorkers, stage: str) -> None:
        """Kill the worker; another one takes its place."""
        held.kill()
        # What is the stack's own may go on: the next attempt, or a stop, finds it.
        until(lambda: all(project.slug in one for one in held.strays()), WITHIN, f"nothing else lives after {stage}")
        assert duplicates(shop.alive(project.slug)) == [], stage
        held.go_on(stage)
        held.begin()

    def assert_tried(self, shop: Shop, tried: set[str], planned: set[str]) -> None:
        assert tried == planned | {PLANNED}
        assert kinds_of(planned) >= shop.kinds, "its plan has every kind of stage there is"

    def assert_runs_and_stops(self, shop: Shop, project: Project, task: Task, held: HeldWorkers) -> None:
        assert Task.objects.get(pk=task.pk).state == TaskState.SUCCEEDED
        project.refresh_from_db()
        assert (project.state, project.desired) == (ProjectState.RUNNING, Desired.RUNNING)
        status = engine_of(project).status(running_stack(project))
        assert {one.name: one.state for one in status.services} == {"job": "completed", "web": "running"}
        assert duplicates(shop.alive(project.slug)) == []
        self.stop(project)
        assert shop.left(project.slug) + held.strays() == []
        assert all(can_bind(lease.host_port) for lease in project.leases.all())

    def stop(self, project: Project) -> None:
        task = actions.stop(project)
        until(lambda: ended(task), PATIENCE, "it is stopped")
        project.refresh_from_db()
        assert (task.state, project.state) == (TaskState.SUCCEEDED, ProjectState.STOPPED), task.error
