"""Somebody goes back to what ran before, or Hub does when a start fails: the definition, the variables, the ports."""

import json
import urllib.request
from pathlib import Path

import pytest

from events.models import Event
from projects import actions, environment, revisions
from projects.binding import home_of
from projects.errors import ProjectError
from projects.models import Revision
from projects.states import ProjectState
from projects.tests.engines.kit import PYTHON
from projects.tests.engines.processes_seen import until
from projects.tests.stack_tasks import done, down, folder_of, pids_of, started
from tasks import actions as task_actions
from tasks.models import LogLine
from tasks.rescue import rescue
from tasks.states import TaskState

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_server")]

# Answers with its own colour and that of its environment, and keeps what it was told to.
WEB = """
import http.server, json, os, pathlib, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kept = pathlib.Path(os.environ["HUB_STACK_DATA"]) / "kept"
        if self.path.startswith("/keep/"):
            kept.write_text(self.path.removeprefix("/keep/"))
        said = {"colour": sys.argv[1], "mood": os.environ.get("MOOD"), "kept": kept.exists() and kept.read_text()}
        text = json.dumps(said).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""
BROKEN = "web: echo cannot open the ledger; exit 3\n"


def procfile(colour: str) -> str:
    return f"web: {PYTHON} web.py {colour}\n"


def write(project, text: str) -> None:
    (Path(project.path) / "Procfile").write_text(text)


def ask(project, path: str = "/") -> dict:
    with urllib.request.urlopen(f"http://127.0.0.1:{project.leases.get().host_port}{path}", timeout=5) as answer:
        return json.loads(answer.read())


@pytest.fixture
def project():
    folder = folder_of("returning", procfile("green"))
    (folder / "web.py").write_text(WEB)
    project = started(actions.create_project(name="returning", path=str(folder), env={"MOOD": "calm"}))
    yield project
    down(project)


def test_a_start_that_fails_returns_to_the_last_good_revision_where_that_is_asked_for(project):
    actions.update_project(project, return_to_good=True)
    done(actions.stop(project))
    write(project, BROKEN)
    task = done(actions.start(project))
    project.refresh_from_db()
    assert task.state == TaskState.FAILED
    assert task.error.startswith("web exited with code 3")
    assert task.error.endswith("Hub returned to revision 1, which runs now.")
    assert "cannot open the ledger" in task.detail
    assert project.state == ProjectState.RUNNING and project.reason == task.error
    assert ask(project)["colour"] == "green"
    newest, failed, first = project.revisions.all()
    assert (newest.started_ok, newest.restored, newest.number) == (True, 1, 3)
    assert newest.because.startswith("web exited with code 3")
    assert (failed.started_ok, first.started_ok) == (False, True) and "code 3" in failed.error
    assert (Path(project.path) / "Procfile").read_text() == BROKEN, "nothing is written into the folder"
    states = [(step["label"], bool(step.get("failed"))) for step in task.steps if "check" not in step["key"]]
    port = project.leases.get().host_port
    assert states == [(f"web answers on :{port}", True), (f"web answers on :{port} (revision 1)", False)]
    event = Event.objects.get(subject__endswith="project.returned")
    assert event.payload["revision"] == 1 and "code 3" in event.payload["reason"]


def test_a_restart_that_fails_returns_too_and_a_start_of_what_runs_leaves_the_rest_alone(project):
    actions.update_project(project, return_to_good=True)
    (Path(project.path) / "web.py").write_text(WEB)
    write(project, procfile("green") + "other: while true; do sleep 1; done\n")
    assert done(actions.start(project)).state == TaskState.SUCCEEDED
    before = pids_of(project)
    write(project, BROKEN + "other: while true; do sleep 1; done\n")
    assert done(actions.start(project)).state == TaskState.FAILED
    project.refresh_from_db()
    assert project.state == ProjectState.RUNNING and ask(project)["colour"] == "green"
    assert pids_of(project)["other"] == before["other"], "what did not change was not touched"
    task = done(actions.restart(project))
    assert task.state == TaskState.FAILED and "which runs now" in task.error
    project.refresh_from_db()
    assert project.state == ProjectState.RUNNING and ask(project)["colour"] == "green"


def test_without_that_choice_a_failed_start_is_a_failed_project(project):
    done(actions.stop(project))
    write(project, BROKEN)
    assert done(actions.start(project)).state == TaskState.FAILED
    project.refresh_from_db()
    assert project.state == ProjectState.FAILED and pids_of(project) == {}
    assert project.revisions.count() == 2


def test_it_does_not_return_to_the_same_thing_that_has_just_failed(project):
    actions.update_project(project, return_to_good=True)
    done(actions.stop(project))
    (Path(project.path) / "web.py").write_text("raise SystemExit('not today')\n")
    task = done(actions.start(project))
    project.refresh_from_db()
    assert task.state == TaskState.FAILED and "returned" not in task.error
    assert project.state == ProjectState.FAILED
    assert any("it is the same" in line.text for line in LogLine.objects.filter(task=task))


def test_when_the_good_one_fails_as_well_both_are_told_and_nothing_stays_behind(project):
    actions.update_project(project, return_to_good=True)
    done(actions.stop(project))
    write(project, BROKEN)
    (Path(project.path) / "web.py").write_text("raise SystemExit('not today')\n")
    task = done(actions.start(project))
    project.refresh_from_db()
    assert "exited with code 3" in task.error and "Revision 1 could not be started either" in task.error
    assert project.state == ProjectState.FAILED and pids_of(project) == {}
    assert [one.started_ok for one in project.revisions.all()] == [False, False, True]


def test_a_broken_folder_returns_as_well_and_a_running_stack_is_left_as_it_is(project):
    actions.update_project(project, return_to_good=True)
    write(project, "no colon here\n")
    before = pids_of(project)
    assert done(actions.restart(project)).state == TaskState.FAILED
    project.refresh_from_db()
    assert pids_of(project) == before and project.state == ProjectState.RUNNING
    done(actions.stop(project))
    task = done(actions.start(project))
    project.refresh_from_db()
    assert "line 1" in task.error and "Hub returned to revision 1" in task.error
    assert project.state == ProjectState.RUNNING and ask(project)["colour"] == "green"


def test_by_hand_to_any_kept_revision_with_its_variables_and_on_the_same_port(project):
    actions.update_project(project, env={"MOOD": "cross"})
    write(project, procfile("red"))
    assert done(actions.restart(project)).state == TaskState.SUCCEEDED
    write(project, procfile("blue"))
    assert done(actions.restart(project)).state == TaskState.SUCCEEDED
    assert ask(project)["colour"] == "blue"
    assert done(actions.roll_back(project, 1)).state == TaskState.SUCCEEDED
    project.refresh_from_db()
    assert ask(project) == {"colour": "green", "mood": "calm", "kept": False}
    assert project.revisions.first().restored == 1
    assert environment.load(project) == {"MOOD": "cross"}, "the project's own variables are not changed"
    assert done(actions.roll_back(project)).state == TaskState.SUCCEEDED
    assert ask(project)["colour"] == "blue", "the newest good one before it"
    with pytest.raises(ProjectError, match="Revision 99 of returning is not kept"):
        actions.roll_back(project, 99)


def test_what_was_rolled_back_comes_back_as_such_after_everything_died(project):
    write(project, procfile("red"))
    done(actions.restart(project))
    done(actions.roll_back(project, 1))
    down(project)
    done(actions.start_again(project))
    assert ask(project)["colour"] == "green"
    assert project.revisions.first().restored == 1


def test_a_service_that_the_old_revision_had_comes_back_with_a_port(project):
    write(project, procfile("green") + f"api: {PYTHON} web.py api # $API_PORT\n".replace("web.py api", "web.py $PORT"))
    assert done(actions.restart(project)).state == TaskState.SUCCEEDED, "two services"
    write(project, procfile("red"))
    assert done(actions.restart(project)).state == TaskState.SUCCEEDED
    assert list(project.services.values_list("name", flat=True)) == ["web"]
    assert done(actions.roll_back(project, 2)).state == TaskState.SUCCEEDED
    assert list(project.services.values_list("name", flat=True)) == ["web", "api"]
    assert set(pids_of(project)) == {"web", "api"}


def test_a_cancelled_return_leaves_nothing_behind(project, workers):
    actions.update_project(project, return_to_good=True)
    done(actions.stop(project))
    (Path(project.path) / "slow.py").write_text("import time\ntime.sleep(600)\n")
    good = project.revisions.get()
    service = {**good.definition["services"][0], "command": f"{PYTHON} slow.py"}
    Revision.objects.filter(pk=good.pk).update(definition={**good.definition, "services": [service]})
    write(project, BROKEN)
    workers(1)
    task = actions.start(project)

    def returning() -> bool:
        task.refresh_from_db()
        return any(step["key"].startswith("return:ready") and step["started"] for step in task.steps)

    until(returning, 30, "the return is under way")
    task_actions.cancel(task)

    def ended() -> bool:
        task.refresh_from_db()
        return not task.is_active

    until(ended, 20, "it was cancelled")
    project.refresh_from_db()
    assert (task.state, project.state) == (TaskState.CANCELLED, ProjectState.STOPPED)
    assert pids_of(project) == {}


def test_only_so_many_revisions_are_kept_and_the_last_good_one_always(project, monkeypatch):
    monkeypatch.setattr(revisions, "KEPT", 3)
    done(actions.stop(project))
    write(project, BROKEN)
    for _ in range(5):
        assert done(actions.start(project)).state == TaskState.FAILED
    assert list(project.revisions.values_list("number", flat=True)) == [6, 5, 4, 1]
    assert done(actions.roll_back(project)).state == TaskState.SUCCEEDED
    assert ask(project)["colour"] == "green"


def test_data_are_there_after_stop_restart_rollback_and_copy(project):
    ask(project, "/keep/treasure")
    done(actions.stop(project))
    started(project)
    assert ask(project)["kept"] == "treasure"
    write(project, procfile("red"))
    done(actions.restart(project))
    assert ask(project) == {"colour": "red", "mood": "calm", "kept": "treasure"}
    done(actions.roll_back(project, 1))
    assert ask(project) == {"colour": "green", "mood": "calm", "kept": "treasure"}
    done(actions.stop(project))
    project.refresh_from_db()
    copy = actions.copy_project(project, name="with treasure", with_data=True)
    assert done(task_actions.active_on(copy.subject)).state == TaskState.SUCCEEDED
    started(copy)
    try:
        assert ask(copy)["kept"] == "treasure"
        ask(copy, "/keep/other")
        started(project)
        assert ask(project)["kept"] == "treasure", "the copy has its own"
        assert (home_of(copy.slug) / "data" / "kept").read_text() == "other"
    finally:
        down(copy)


def test_a_return_whose_worker_dies_is_finished_by_the_next_attempt(project, workers):
    actions.update_project(project, return_to_good=True)
    done(actions.stop(project))
    folder = Path(project.path)
    # The good one takes its time, so that its worker can be killed meanwhile.
    (folder / "web.py").write_text("import time\ntime.sleep(3)\n" + WEB)
    write(project, BROKEN)
    worker, = workers(1)
    task = actions.start(project)

    def returning() -> bool:
        task.refresh_from_db()
        return any(step["key"].startswith("return:ready") and step["started"] for step in task.steps)

    until(returning, 30, "the return is under way")
    worker.kill()
    workers(1)

    def ended() -> bool:
        rescue()
        task.refresh_from_db()
        return not task.is_active

    until(ended, 60, "another attempt ended it")
    project.refresh_from_db()
    assert (task.state, task.attempt) == (TaskState.FAILED, 2)
    assert "exited with code 3" in task.error and "Hub returned to revision 1" in task.error
    assert project.state == ProjectState.RUNNING and ask(project)["colour"] == "green"
    assert [one.restored for one in project.revisions.all()] == [1, None, None], "it was brought back once"
