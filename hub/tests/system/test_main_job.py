"""The main job, on real processes: copies side by side, a stop that proves itself, outside deaths, honest progress."""

import json
import os
import signal
import socket
import sqlite3
import sys
import threading
import time
import urllib.request
from contextlib import closing
from datetime import datetime
from uuid import UUID

import psutil
import pytest

from hub.tests.system.running_hub import REPOSITORY, RunningHub, services_of

SHOP = REPOSITORY / "examples" / "shop"
PIPELINE = REPOSITORY / "examples" / "pipeline"
PYTHON = sys.executable


def write(hub: RunningHub, name: str, **files: str):
    folder = hub.root / name
    folder.mkdir()
    for file, text in files.items():
        (folder / file.replace("_py", ".py")).write_text(text)
    return folder


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
        return True


@pytest.mark.alone
def test_three_copies_of_four_services_are_healthy_together_and_leave_nothing(hub: RunningHub):
    projects = [hub.add("Three", SHOP)]
    projects += [hub.post(f"/api/projects/{projects[0]}/copy", {"name": f"Three {number}"}).body["id"]
                 for number in (2, 3)]
    ports = [port for project in projects for port in hub.ports(project).values()]
    assert len(ports) == len(set(ports)) == 12
    began = time.monotonic()
    for project in projects:
        hub.ask(project, "start")
    hub.until(lambda: all((hub.status(project)["status"], hub.status(project)["health"]) == ("running", "healthy")
                          for project in projects), 10, "three copies are not healthy together")
    assert time.monotonic() - began <= 10
    for project in projects:
        frontend = hub.ports(project)["frontend"]
        with urllib.request.urlopen(f"http://127.0.0.1:{frontend}/health", timeout=5) as answer:
            assert answer.status == 200, "the whole chain answers"
    for task in [hub.ask(project, "stop") for project in projects]:
        assert hub.ended(task)["state"] == "succeeded"
    for slug in ("three", "three-2", "three-3"):
        assert services_of(hub.data, slug) == {}
    assert [port for port in ports if not is_free(port)] == []


STUBBORN = """\
import os, signal, sys, time
def ignore():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    ignore()
    if os.fork() == 0:
        os.setsid()
        ignore()
        open("escaped.pid", "w").write(str(os.getpid()))
    else:
        open("stubborn.pid", "w").write(str(os.getpid()))
    time.sleep(600)
time.sleep(600)
"""


def test_a_stop_ends_grandchildren_that_ignore_it_and_those_that_left(hub: RunningHub):
    folder = write(hub, "stubborn", Procfile=f"# hub: stop_grace=1\nparent: {PYTHON} parent.py\n", parent_py=STUBBORN)
    project = hub.add("stubborn", folder)
    hub.start(project)
    pids = [int(hub.until((folder / name).read_text, 5)) for name in ("stubborn.pid", "escaped.pid")]
    assert all(psutil.pid_exists(pid) for pid in pids)
    assert hub.ended(hub.ask(project, "stop"))["state"] == "succeeded"
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []


def test_a_service_killed_from_outside_is_seen_and_comes_back(hub: RunningHub):
    project = hub.add("outside", REPOSITORY / "examples" / "hello")
    hub.start(project)
    before = hub.status(project)["services"][0]
    os.kill(before["pid"], signal.SIGKILL)
    hub.until(lambda: hub.status(project)["services"][0]["restarts"] == 1 or
              hub.status(project)["services"][0]["state"] != "running", 5, "a death is not seen")
    hub.until(lambda: hub.status(project)["services"][0]["state"] == "running", 10)
    status = hub.status(project)
    assert "SIGKILL" in status["reason"], "the reason stays although the restart has cured it"
    assert status["services"][0]["pid"] != before["pid"]
    assert status["services"][0]["restarts"] == 1


def test_five_quick_deaths_are_a_failure_that_shows_its_last_lines(hub: RunningHub):
    script = "import sys, time\ntime.sleep(1.3)\nfor n in range(40): print('line', n)\nsys.exit(7)\n"
    folder = write(hub, "dying", Procfile=f"worker: {PYTHON} die.py\n", die_py=script)
    project = hub.add("dying", folder)
    hub.ended(hub.ask(project, "start"))
    hub.until(lambda: hub.status(project)["status"] == "failed", 45, "five quick deaths are not a failure")
    status = hub.status(project)
    service = status["services"][0]
    assert service["exit_code"] == 7 and "worker" in status["reason"] and "code 7" in status["reason"]
    assert service["last_lines"] == [f"line {number}" for number in range(20, 40)]
    lines = hub.get(f"/api/projects/{project}/logs/worker?tail=20").body["lines"]
    assert lines[-1] == "line 39" and len(lines) == 20


def test_a_double_click_two_tabs_and_the_api_at_once_are_one_task(hub: RunningHub):
    project = hub.add("double", PIPELINE, env={"SLOW_SECONDS": "2"})
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(hub.post(f"/api/orchestration/{project}/start")))
               for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in answers} == {202}
    assert len({answer.body["task_id"] for answer in answers}) == 1
    assert hub.post(f"/api/orchestration/{project}/stop").status == 409
    assert hub.ended(answers[0].body["task_id"])["state"] == "succeeded"
    assert len(hub.get(f"/api/tasks?project={project}").body["items"]) == 1


def test_progress_only_grows_and_its_remaining_time_is_honest(hub: RunningHub):
    project = hub.add("slow", PIPELINE, env={"SLOW_SECONDS": "3"})
    for _ in range(3):
        hub.start(project)
        hub.ended(hub.ask(project, "stop"))
    task = hub.ask(project, "start")
    seen: list[tuple[float, float | None, float | None, str]] = []
    began = time.monotonic()

    def look():
        body = hub.get(f"/api/tasks/{task}").body
        ready = hub.status(project)["status"] == "running"
        seen.append((time.monotonic() - began, body["progress"], body["remaining"], body["state"]))
        assert body["progress"] != 100 or body["state"] == "succeeded" or ready
        return body["finished_at"]

    hub.until(look, 40)
    took = hub.get(f"/api/tasks/{task}").body["run"]
    percents = [percent for _, percent, _, _ in seen if percent is not None]
    assert percents == sorted(percents)
    assert percents[-1] == 100 and max(percents[:-1]) < 100
    half = min((row for row in seen if row[3] == "running" and row[2] is not None),
               key=lambda row: abs(row[0] - took / 2))
    assert half[2] == pytest.approx(took - half[0], rel=0.3)


def test_cancelling_a_start_stops_what_it_made(hub: RunningHub):
    project = hub.add("cancelled", PIPELINE, env={"SLOW_SECONDS": "30"})
    task = hub.ask(project, "start")
    hub.until(lambda: len(services_of(hub.data, "cancelled")) >= 2, 20, "nothing started")
    assert hub.call("DELETE", f"/api/tasks/{task}").status == 202
    assert hub.ended(task, 15)["state"] == "cancelled"
    assert services_of(hub.data, "cancelled") == {}
    assert hub.status(project)["status"] == "stopped"


@pytest.mark.parametrize(
    ("name", "procfile", "words"),
    [
        ("nosuch", "web: no-such-command --port $PORT\n", ["web", "no-such-command", "line 1"]),
        ("quits", f"web: {PYTHON} -c 'import sys; print(\"goodbye\"); sys.exit(3)' $PORT\n", ["web", "code 3"]),
        ("silent", f"# hub: ready_timeout=2\nweb: {PYTHON} -c 'import time; time.sleep(60)' $PORT\n",
         ["web", "did not answer", "2 s"]),
    ],
)
def test_a_start_that_cannot_work_says_why_and_leaves_nothing(hub: RunningHub, name: str, procfile: str, words):
    project = hub.add(name, write(hub, name, Procfile=procfile))
    task = hub.ended(hub.ask(project, "start"))
    assert task["state"] == "failed" and (task["progress"] or 0) < 100
    for word in words:
        assert word in task["error"] + task["detail"], task
    assert hub.status(project)["status"] == "failed"
    assert services_of(hub.data, name) == {}


def test_a_foreign_listener_is_named_and_one_call_leases_another_port(hub: RunningHub):
    project = hub.add("taken", REPOSITORY / "examples" / "hello")
    port, other = hub.ports(project)["web"], hub.port_range[1]
    with socket.create_server(("0.0.0.0", port)):
        task = hub.ended(hub.ask(project, "start"))
        assert task["state"] == "failed"
        assert str(port) in task["error"] and f"pid {os.getpid()}" in task["error"] + task["detail"]
        assert hub.call("PATCH", f"/api/projects/{project}", {"ports": {"web": other}}).status == 200
        hub.start(project)
        with urllib.request.urlopen(f"http://127.0.0.1:{other}/", timeout=5) as answer:
            assert answer.status == 200


FLOOD = """\
import time
written, lines = 0, "\\n".join(["x" * 90] * 5000)
while True:
    print(lines, flush=True)
    written += len(lines)
    open("written", "w").write(str(written))
    time.sleep(0.1)
"""


@pytest.mark.alone
def test_a_flooded_log_keeps_the_page_usable_and_the_disk_bounded(hub: RunningHub):
    source = write(hub, "flood", Procfile=f"flood: {PYTHON} flood.py\n", flood_py=FLOOD)
    project = hub.add("flood", source)
    hub.start(project)
    folder = hub.data / "stacks" / "flood"
    largest = looks = 0

    def look() -> bool:
        nonlocal largest, looks
        largest = max(largest, sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file()))
        answer = hub.get(f"/api/projects/{project}/logs/flood?tail=200")
        assert answer.status == 200 and len(answer.body["lines"]) == 200
        assert answer.seconds < 1.0
        looks += 1
        time.sleep(0.3)
        return int((source / "written").read_text() or 0) > 40_000_000

    hub.until(look, 60, "the flood has not written 40 MB")
    assert largest < 20 * 1024 * 1024 and looks > 10
    assert hub.ended(hub.ask(project, "stop"))["state"] == "succeeded"


def test_delete_removes_what_the_preview_named_and_not_the_folder(hub: RunningHub):
    folder = write(hub, "gone", Procfile=f"web: {PYTHON} -m http.server --bind 127.0.0.1 $PORT\n")
    project = hub.add("gone", folder)
    hub.start(project)
    port = hub.ports(project)["web"]
    before = hub.get(f"/api/projects/{project}/remains").body
    assert before
    task = hub.call("DELETE", f"/api/projects/{project}").body["task_id"]
    assert hub.ended(task)["state"] == "succeeded"
    assert hub.get(f"/api/projects/{project}").status == 404
    assert services_of(hub.data, "gone") == {} and is_free(port)
    assert not (hub.data / "stacks" / "gone").exists()
    assert (folder / "Procfile").is_file()


def test_a_correlation_id_goes_from_the_request_into_task_attempt_and_events(hub: RunningHub):
    project = hub.add("traced", REPOSITORY / "examples" / "hello")
    mark = "0191e7a0-0000-4000-8000-00000000cafe"
    answer = hub.call("POST", f"/api/orchestration/{project}/start", {}, {"X-Correlation-ID": mark})
    task = hub.ended(answer.body["task_id"])
    assert task["correlation_id"] == mark
    assert datetime.fromisoformat(task["started_at"]).tzinfo is not None
    said = [json.loads(line) for line in hub.manage("events", "query", "--subject", ">", "--json").splitlines()]
    assert {"task.created", "task.started", "task.succeeded", "project.starting", "project.running"} <= {
        event["subject"].split(".", 2)[2] for event in said if event["correlation_id"] == mark}
    with closing(sqlite3.connect(hub.data / "hub.sqlite3")) as database:
        attempts = database.execute("SELECT correlation_id FROM tasks_attempt WHERE task_id = ?",
                                    [UUID(task["id"]).hex])
        assert [UUID(value) for (value,) in attempts] == [UUID(mark)]


def test_the_command_does_the_whole_job_and_its_exit_code_says_how(hub: RunningHub):
    folder = write(hub, "shell", Procfile=f"web: {PYTHON} -m http.server --bind 127.0.0.1 $PORT\n")
    hub.manage("project", "add", str(folder))
    assert "Start shell: succeeded" in hub.manage("project", "start", "shell", "--wait")
    assert "shell: running" in hub.manage("project", "status", "shell")
    (first,) = services_of(hub.data, "shell")["web"]
    hub.manage("project", "restart", "shell", "--service", "web", "--wait")
    (second,) = services_of(hub.data, "shell")["web"]
    assert second != first
    hub.manage("project", "restart", "shell", "--wait")
    assert services_of(hub.data, "shell")["web"] != [second]
    hub.manage("project", "stop", "shell", "--wait")
    assert services_of(hub.data, "shell") == {}
    (folder / "Procfile").write_text("web: no-such-command $PORT\n")
    assert "no-such-command" in hub.manage("project", "start", "shell", "--wait", code=1)
    hub.manage("project", "delete", "shell", "--wait")
    assert "shell" not in hub.manage("project", "list")
