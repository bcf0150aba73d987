"""Workers that are too many go, whoever decided it and whatever became of the one who did."""

from __future__ import annotations

import json

import pytest

from hub.scale import Scaler
from tasks import queue
from tasks.actions import cancel, enqueue
from tasks.crews import actions as crews
from tasks.jobs import Sleep
from tasks.models import Task
from tasks.scaling import Bounds


@pytest.fixture
def wait_for(eventually):
    """`wait_for(task, "running")`: the task as read when it is in that state."""
    return lambda task, state: eventually(lambda: Task.objects.filter(pk=task.pk, state=state).first(), 15)


@pytest.fixture
def kept(workers, tmp_path, eventually):
    """Two workers that an `up` on that folder keeps, and what makes a pass of a new scaler: one that knows nothing of
    the passes before, as after a kill -9 of `watch`."""
    found = workers(2)
    children = {f"worker-{number}": one.pid for number, one in enumerate(found)}
    (tmp_path / "hub.lock").write_text(json.dumps({"children": children}))
    eventually(lambda: [one.state for one in queue.workers_alive()] == ["idle", "idle"])
    return found, lambda: Scaler(tmp_path, Bounds(2, 2, 60.0), 2).scale()


def test_by_hand_those_at_work_end_after_their_task_and_no_other_is_taken(kept, wait_for, eventually):
    found, scale = kept
    tasks = [enqueue(Sleep, {"seconds": 3}) for _ in range(2)]
    for task in tasks:
        wait_for(task, "running")
    scale()
    crews.fix(crews.crews()[0].node, 1, "a test")
    said = scale()
    assert "a test. 1 worker" in said[0] and "takes no more tasks and ends" in said[1] and len(said) == 2
    assert scale() == scale() == []  # it is on its way
    (goes,) = [one for one in found if one.name in said[1]]
    assert goes.process.wait(15) == 0
    assert all(wait_for(task, "succeeded").attempts.count() == 1 for task in tasks)
    eventually(lambda: len(queue.workers_alive()) == 1)
    assert wait_for(enqueue(Sleep, {"seconds": 0}), "succeeded").attempts.get().worker != goes.name
    assert not Task.objects.exclude(state="succeeded").exists()


def test_an_idle_one_goes_first_and_ends_although_nobody_remembers_it(kept, wait_for):
    found, scale = kept
    scale()
    task = enqueue(Sleep, {"seconds": 120})
    busy = wait_for(task, "running").attempts.get().worker
    crews.fix(crews.crews()[0].node, 1)
    scale()
    (idle,) = [one for one in found if one.name != busy]
    assert idle.process.wait(10) == 0 and scale() == []
    cancel(task)
    wait_for(task, "cancelled")


def test_workers_that_are_nobodys_are_left_alone(kept, tmp_path):
    found, scale = kept
    (tmp_path / "hub.lock").write_text(json.dumps({"children": {"web": 1}}))
    assert scale() == [] and crews.crews() == []
    assert {one.name for one in queue.workers_alive()} == {one.name for one in found}
