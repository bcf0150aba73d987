"""A restart that cannot work is refused before anything stops."""

import sys

import pytest
from django.conf import settings

from projects import actions
from projects.binding import engine_of, running_stack
from projects.states import ProjectState
from tasks.runner import run_task
from tasks.states import TaskState

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def running():
    folder = settings.HUB_PROJECTS_ROOT / "restarting"
    folder.mkdir(exist_ok=True)
    (folder / "Procfile").write_text(f"web: {sys.executable} -m http.server --bind 127.0.0.1 $PORT\n")
    project = actions.create_project(name="restarting", path=str(folder))
    assert run_task(str(actions.start(project).pk)) == TaskState.SUCCEEDED
    project.refresh_from_db()
    yield project
    for _ in engine_of(project).down(running_stack(project)):
        continue


def test_a_broken_procfile_leaves_the_stack_running_and_says_why(running):
    pid = running.services.get().pid
    with open(f"{running.path}/Procfile", "a") as procfile:
        procfile.write("no colon here\n")
    task = actions.restart(running)
    assert run_task(str(task.pk)) == TaskState.FAILED
    task.refresh_from_db()
    running.refresh_from_db()
    assert "line 2" in task.error
    assert running.state == ProjectState.RUNNING and "line 2" in running.reason
    status = engine_of(running).status(running_stack(running))
    assert [instance.pid for instance in status.services[0].instances] == [pid]


def test_a_good_restart_gives_a_new_process_and_a_new_revision(running):
    pid = running.services.get().pid
    assert run_task(str(actions.restart(running).pk)) == TaskState.SUCCEEDED
    running.refresh_from_db()
    assert running.state == ProjectState.RUNNING
    assert running.services.get().pid != pid
    assert running.revisions.first().number == 2
