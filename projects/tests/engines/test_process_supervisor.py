"""The supervisor may die at any moment; the services go on, and there is never a second copy of one."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

from projects.engines.base import EngineError
from projects.engines.process.launch import launch
from projects.engines.process.rundir import RunDir
from projects.stacks.spec import Readiness, ServiceSpec
from projects.tests.engines.conformance import get, identities
from projects.tests.engines.kit import KINDS
from projects.tests.engines.processes_seen import kill, mains_of, supervisors_of, until

MEGABYTE = 1024 * 1024


def in_thread(work, *arguments) -> tuple[threading.Thread, list]:
    """Run it beside the test; the list gets its error, if any."""
    errors = []

    def run() -> None:
        try:
            work(*arguments)
        except EngineError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


def test_it_belongs_to_nobody_and_has_nothing_of_our_environment(kit, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "hidden")
    stack = kit.stack("worker")
    kit.up(stack)
    (pid,) = supervisors_of(stack)
    assert pid not in {child.pid for child in psutil.Process().children(recursive=True)}
    assert os.getsid(pid) != os.getsid(0)
    assert "SECRET_KEY" not in psutil.Process(pid).environ()


@pytest.mark.alone
def test_it_is_small_and_idle(kit):
    stack = kit.stack("web", "api", "worker")
    kit.up(stack)
    (pid,) = supervisors_of(stack)
    supervisor = psutil.Process(pid)
    assert supervisor.memory_full_info().pss < 12 * MEGABYTE
    before = sum(supervisor.cpu_times()[:2])
    time.sleep(3)
    assert sum(supervisor.cpu_times()[:2]) - before <= 0.03


def test_killed_while_running_it_is_brought_back_and_adopts(kit):
    stack = kit.stack("job", "web", "worker")
    kit.up(stack)
    before = [identities(kit.state(stack, name)) for name in ("web", "worker")]
    kit.kill_supervisor(stack)
    until(lambda: not supervisors_of(stack), 5, "the supervisor is gone")
    status = kit.engine.status(stack)
    assert not status.supervised
    assert {one.name: one.state for one in status.services} == {
        "job": "completed", "web": "running", "worker": "running"
    }
    assert kit.engine.ensure(stack) is True
    until(lambda: kit.engine.status(stack).supervised, 5, "a supervisor again")
    assert kit.engine.ensure(stack) is False
    assert [identities(kit.state(stack, name)) for name in ("web", "worker")] == before
    assert kit.state(stack, "job").state == "completed"
    # The adopted are watched: a death is seen, and answered.
    kit.kill_service(stack, "web")
    until(lambda: kit.state(stack, "web").instances[0].restarts == 1, 5, "the adopted web is started again")
    until(lambda: kit.state(stack, "web").state == "running", 10, "web runs again")
    assert len(mains_of(stack, "web")) == 1
    assert any("exit code unknown" in one.message for one in kit.engine.status(stack).occurrences)


def test_asked_to_go_it_leaves_the_services_alone(kit):
    stack = kit.stack("web")
    kit.up(stack)
    for pid in supervisors_of(stack):
        kill(pid, signal.SIGTERM)
    until(lambda: not supervisors_of(stack), 5, "the supervisor is gone")
    assert get(stack, "web")
    kit.engine.ensure(stack)
    until(lambda: kit.engine.status(stack).supervised, 5, "a supervisor again")
    assert len(mains_of(stack, "web")) == 1


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12])
def test_killed_during_a_start_one_copy_of_each_runs(kit, delay):
    stack = kit.stack("web", "api", "worker")
    thread, errors = in_thread(kit.up, stack)
    until(lambda: supervisors_of(stack) or not thread.is_alive(), 5, "a supervisor")
    time.sleep(delay)
    kit.kill_supervisor(stack)
    thread.join(30)
    # It may have died when all was ready already, and nobody waited any more.
    kit.engine.ensure(stack)
    assert errors == []
    until(lambda: {one.state for one in kit.engine.status(stack).services} == {"running"}, 10, "all run")
    for name in ("web", "api", "worker"):
        assert len(mains_of(stack, name)) == 1


def test_a_service_that_was_started_just_before_the_death_is_adopted(kit):
    stack = kit.stack("web", "worker")
    kit.up(stack)
    kit.kill_supervisor(stack)
    until(lambda: not supervisors_of(stack), 5, "the supervisor is gone")
    before = {name: mains_of(stack, name) for name in ("web", "worker")}
    # What the state file says when the death came between the start of web and its writing.
    path = stack.run_dir / "state.json"
    state = json.loads(path.read_text())
    del state["instances"]["web"]
    state["launches"] = 0
    path.write_text(json.dumps(state))
    assert kit.state(stack, "web").instances[0].pid == before["web"][0]
    kit.engine.ensure(stack)
    until(lambda: kit.state(stack, "web").state == "running", 10, "web runs")
    assert {name: mains_of(stack, name) for name in ("web", "worker")} == before


def test_without_any_state_file_everything_is_found_again(kit):
    stack = kit.stack("web", "worker")
    kit.up(stack)
    before = {name: mains_of(stack, name) for name in ("web", "worker")}
    kit.kill_supervisor(stack)
    until(lambda: not supervisors_of(stack), 5, "the supervisor is gone")
    (stack.run_dir / "state.json").write_text("")
    kit.engine.ensure(stack)
    until(lambda: {one.state for one in kit.engine.status(stack).services} == {"running"}, 10, "all run")
    assert {name: mains_of(stack, name) for name in ("web", "worker")} == before


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.4])
def test_killed_during_a_stop_the_stop_still_ends_everything(kit, delay):
    slow = ServiceSpec("slow", "trap '' TERM; while true; do sleep 0.1; done", ready=Readiness(stay_up=0.2),
                       stop_grace=0.5)
    stack = kit.stack_of(KINDS["web"], slow)
    kit.up(stack)
    thread, errors = in_thread(kit.down, stack)
    time.sleep(delay)
    kit.kill_supervisor(stack)
    thread.join(30)
    assert errors == []
    assert kit.alive(stack) == []


def test_dead_for_long_the_engine_stops_the_stack_itself(kit):
    stack = kit.stack("web", "worker")
    kit.up(stack)
    kit.kill_supervisor(stack)
    kit.down(stack)
    assert kit.alive(stack) == []
    assert {one.state for one in kit.engine.status(stack).services} == {"stopped"}
    assert kit.engine.ensure(stack) is False
    assert supervisors_of(stack) == []


def test_there_is_never_a_second_one(kit):
    stack = kit.stack("worker")
    kit.up(stack)
    before = supervisors_of(stack)
    for _ in range(3):
        launch(RunDir(str(stack.run_dir)))
    until(lambda: supervisors_of(stack) == before, 5, "the others have gone")
    assert len(mains_of(stack, "worker")) == 1


def test_starts_at_the_same_time_make_one_copy(kit):
    stack = kit.stack("web", "worker")
    threads = [in_thread(kit.up, stack) for _ in range(4)]
    for thread, errors in threads:
        thread.join(30)
        assert errors == []
    assert len(supervisors_of(stack)) == 1
    assert len(mains_of(stack, "web")) == len(mains_of(stack, "worker")) == 1


def test_a_stop_during_a_start_wins_and_the_start_says_so(kit):
    stack = kit.stack("web", "mute")
    thread, errors = in_thread(kit.up, stack)
    until(lambda: mains_of(stack, "mute"), 10, "mute runs")
    kit.down(stack)
    thread.join(10)
    assert [error.message for error in errors] == ["The stack was stopped while it was starting."]
    assert kit.alive(stack) == []


def test_the_death_of_whoever_started_it_changes_nothing(kit):
    stack = kit.stack("web", "worker")
    starter = multiprocessing.get_context("fork").Process(target=lambda: (kit.up(stack), time.sleep(60)))
    starter.start()
    until(lambda: kit.state(stack, "web").state == "running", 20, "web runs")
    os.kill(starter.pid, signal.SIGKILL)
    starter.join()
    until(lambda: kit.state(stack, "worker").state == "running", 10, "worker runs")
    assert kit.engine.status(stack).supervised
    assert get(stack, "web")


def test_a_paused_supervisor_is_replaced(kit):
    stack = kit.stack("worker")
    kit.up(stack)
    (paused,) = supervisors_of(stack)
    before = mains_of(stack, "worker")
    kill(paused, signal.SIGSTOP)
    list(kit.engine.restart(stack, "worker"))
    assert supervisors_of(stack) != [paused]
    assert len(mains_of(stack, "worker")) == 1
    assert mains_of(stack, "worker") != before


def down_without_room(kit, stack) -> None:
    """Stop the stack in a process that cannot write a single byte to any file, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    kit.down(stack)
    os._exit(0 if {one.state for one in kit.engine.status(stack).services} == {"stopped"} else 1)


@pytest.mark.parametrize("supervisor", ["alive", "dead"])
def test_a_stack_can_be_stopped_when_the_disk_is_full(kit, supervisor):
    stack = kit.stack("web", "worker")
    kit.up(stack)
    if supervisor == "dead":
        kit.kill_supervisor(stack)
    stopper = multiprocessing.get_context("fork").Process(target=down_without_room, args=(kit, stack))
    stopper.start()
    stopper.join(30)
    assert stopper.exitcode == 0
    assert kit.alive(stack) == []
    kit.up(stack)
    assert kit.engine.runs(stack) == [2, 1]


def test_after_a_new_start_of_the_machine_old_pids_mean_nothing(kit):
    stack = kit.stack("worker")
    kit.up(stack)
    kit.down(stack)
    rundir = RunDir(str(stack.run_dir))
    me = psutil.Process()
    start = int(Path(f"/proc/{me.pid}/stat").read_text().rpartition(")")[2].split()[19])
    record = {"service": "worker", "phase": "running", "pid": me.pid, "start": start, "ready": True}
    rundir.write_state({"boot_id": "another", "seen": 99, "phase": "up", "instances": {"worker": record}})
    rundir.write_wish({**rundir.wish(), "desired": "up", "boot_id": "another"})
    assert kit.state(stack, "worker").state == "stopped"
    assert kit.engine.ensure(stack) is False
    kit.down(stack)
    kit.up(stack)
    assert kit.state(stack, "worker").state == "running"


def test_a_deep_folder_is_no_obstacle(kit):
    stack = kit.stack("worker")
    deep = stack.run_dir.joinpath(*["a-folder-with-a-long-name"] * 8)
    stack = kit.changed(stack, run_dir=deep)
    kit.stacks[:] = [stack]
    kit.up(stack)
    assert kit.state(stack, "worker").state == "running"


def test_when_its_folder_is_deleted_it_ends_the_stack(kit):
    stack = kit.stack("web")
    kit.up(stack)
    for name in ("lock", "wish.json", "state.json"):
        (stack.run_dir / name).unlink()
    until(lambda: kit.alive(stack) == [], 10, "everything has ended")


def test_a_changed_definition_is_taken_over_by_the_next_start(kit):
    stack = kit.stack("web", "worker")
    kit.up(stack)
    web = identities(kit.state(stack, "web"))
    newer = ServiceSpec("newer", "echo new; sleep 600", ready=Readiness(stay_up=0.2))
    changed = kit.changed(stack, services=[KINDS["web"], newer])
    kit.up(changed)
    assert identities(kit.state(changed, "web")) == web
    assert kit.state(changed, "newer").state == "running"
    until(lambda: mains_of(stack, "worker") == [], 5, "worker has gone")
    kit.up(kit.changed(changed, env={"COLOUR": "blue"}))
    assert identities(kit.state(changed, "web")) != web
