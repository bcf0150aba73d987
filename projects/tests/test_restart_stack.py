"""A restart that cannot work is refused before anything stops; a good one starts what the folder says now."""

import pytest

from projects import actions
from projects.states import Desired, ProjectState
from projects.tests.stack_tasks import SERVE, done, down, folder_of, pids_of, started
from tasks import actions as task_actions
from tasks.states import TaskState

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_server")]


@pytest.fixture
def running():
    folder = folder_of("restarting", f"web: {SERVE}\n")
    project = started(actions.create_project(name="restarting", path=str(folder)))
    yield project
    down(project)


@pytest.mark.parametrize(
    ("line", "words"), [("no colon here\n", "line 2"), ("work: no-such-command-anywhere\n", "no-such-command-anywhere")]
)
@pytest.mark.parametrize("action", [actions.restart, actions.start])
def test_what_cannot_work_leaves_the_stack_running_and_says_why(running, action, line, words):
    before = pids_of(running)
    with open(f"{running.path}/Procfile", "a") as procfile:
        procfile.write(line)
    task = done(action(running))
    running.refresh_from_db()
    assert task.state == TaskState.FAILED and words in task.error
    assert running.state == ProjectState.RUNNING and words in running.reason
    assert pids_of(running) == before and running.desired == Desired.RUNNING


def test_a_good_restart_gives_a_new_process_and_a_new_revision(running):
    before = pids_of(running)
    assert done(actions.restart(running)).state == TaskState.SUCCEEDED
    running.refresh_from_db()
    assert running.state == ProjectState.RUNNING
    assert pids_of(running)["web"] != before["web"]
    assert running.revisions.first().number == 2


def test_a_start_of_what_runs_changes_nothing(running):
    before, since = pids_of(running), running.state_since
    assert done(actions.start(running)).state == TaskState.SUCCEEDED
    running.refresh_from_db()
    assert (pids_of(running), running.state_since) == (before, since)
    assert running.revisions.count() == 1


def test_a_start_that_adds_a_service_which_fails_leaves_the_others(running):
    before = pids_of(running)
    with open(f"{running.path}/Procfile", "a") as procfile:
        procfile.write("crash: sh -c 'exit 3'\n")
    assert done(actions.start(running)).state == TaskState.FAILED
    running.refresh_from_db()
    assert pids_of(running)["web"] == before["web"]
    assert running.state == ProjectState.RUNNING and "crash" in running.reason


@pytest.mark.parametrize("action", [actions.restart, actions.start])
def test_cancelling_it_while_it_waits_leaves_the_stack_running_and_wished_for(running, action):
    before = pids_of(running)
    task_actions.cancel(action(running))
    running.refresh_from_db()
    assert (running.state, running.desired) == (ProjectState.RUNNING, Desired.RUNNING)
    assert pids_of(running) == before


def test_cancelling_a_stop_while_it_waits_leaves_the_stack_running_and_wished_for(running):
    task_actions.cancel(actions.stop(running))
    running.refresh_from_db()
    assert (running.state, running.desired) == (ProjectState.RUNNING, Desired.RUNNING)
    assert pids_of(running)


def test_cancelling_a_start_of_a_stopped_project_while_it_waits_leaves_it_stopped():
    project = actions.create_project(name="resting", path=str(folder_of("resting", f"web: {SERVE}\n")))
    task_actions.cancel(actions.start(project))
    project.refresh_from_db()
    assert (project.state, project.desired) == (ProjectState.STOPPED, Desired.STOPPED)


def test_ports_of_a_running_project_are_those_that_answer(running):
    lease = running.leases.get()
    for change in (lambda: actions.update_project(running, ports={"web": 31333}),
                   lambda: actions.release_port(running, lease.pk)):
        with pytest.raises(actions.ProjectError, match="running") as refused:
            change()
        assert refused.value.code == "conflict"
    assert running.leases.get().host_port == lease.host_port
    actions.update_project(running, ports={"web": lease.host_port})
