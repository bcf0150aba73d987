"""kill -9 of each part, during a start and during a stop: tasks end truthfully or run again, exactly one copy of each
service runs or none, and what is shown is what is there."""

import os
import signal
import socket
import sys
import time

import psutil
import pytest

from hub.tests.system.running_hub import REPOSITORY, RunningHub, services_of

SETTLED_WITHIN = 15.0
SERVICES = {"web", "api", "work"}
PYTHON = sys.executable
# `web` needs a while to answer, `work` needs a while to stop: both leave time for the blow.
PROCFILE = f"""\
# hub: depends_on=api
web: {PYTHON} serve.py 1.5
api: {PYTHON} serve.py 0 $API_PORT
# hub: stop_grace=2
work: {PYTHON} stubborn.py
"""
SERVE = """\
import os, sys, time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
time.sleep(float(sys.argv[1]))
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), SimpleHTTPRequestHandler).serve_forever()
"""
STUBBORN = """\
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    time.sleep(60)
"""

VICTIMS = ["horse", "worker", "supervisor", "watch", "redis", "web", "everything"]


@pytest.fixture(scope="module")
def project(hub: RunningHub) -> int:
    folder = hub.root / "crashing"
    folder.mkdir()
    for name, text in {"Procfile": PROCFILE, "serve.py": SERVE, "stubborn.py": STUBBORN}.items():
        (folder / name).write_text(text)
    return hub.add("crashing", folder)


def supervisors(hub: RunningHub) -> list[psutil.Process]:
    return [process for process in psutil.process_iter(["cmdline"])
            if any("supervisor" in word for word in process.info["cmdline"] or ())
            and any(str(hub.data) in word for word in process.info["cmdline"])]


def horses(hub: RunningHub) -> list[psutil.Process]:
    workers = [pid for name, pid in hub.children().items() if name.startswith("worker")]
    return [horse for pid in workers for horse in psutil.Process(pid).children()]


def strike(hub: RunningHub, victim: str) -> None:
    """kill -9 of one part; whatever `up` does not restart is started again as a user would."""
    if victim == "horse":
        hub.until(lambda: horses(hub), 5, "no work horse works")
        for horse in horses(hub):
            horse.kill()
    elif victim == "worker":
        for name in hub.children():
            if name.startswith("worker"):
                hub.kill(name)
    elif victim == "supervisor":
        hub.until(lambda: supervisors(hub), 5, "no supervisor watches")
        for supervisor in supervisors(hub):
            supervisor.kill()
    elif victim == "everything":
        pids = [hub.process.pid, *hub.children().values(), *(horse.pid for horse in horses(hub)),
                *(supervisor.pid for supervisor in supervisors(hub))]
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:  # died with its parent, as it should
                continue
        hub.process.wait(10)
        hub.up()
    else:
        hub.kill(victim)


def settled(hub: RunningHub, task: str) -> dict:
    """The task, once it has ended; within the bound it has ended or runs again."""
    def look():
        answer = hub.get(f"/api/tasks/{task}")
        if answer.status != 200:
            return None
        body = answer.body
        again = body["attempt"] > 1 and body["state"] == "running"
        return body if body["finished_at"] or again else None

    hub.until(look, SETTLED_WITHIN, "the task neither ended nor runs again")
    return hub.ended(task, 40)


def shown_is_there(hub: RunningHub, project: int) -> str:
    """Wait until what is shown is stable, then compare it with what really runs. The state."""
    def calm():
        body = hub.status(project)
        alive = {name: pids for name, pids in services_of(hub.data, "crashing").items() if pids}
        if body["status"] == "running":
            return body if set(alive) == SERVICES and all(len(pids) == 1 for pids in alive.values()) else None
        if body["status"] in ("stopped", "failed"):
            return body if not alive else None
        return None

    body = hub.until(calm, SETTLED_WITHIN, "what is shown is not what is there")
    for service in body["services"]:
        if body["status"] == "running" and service["port"]:
            with socket.create_connection(("127.0.0.1", service["port"]), 5):
                pass
        if body["status"] == "running":
            assert [service["pid"]] == services_of(hub.data, "crashing")[service["name"]]
    return body["status"]


@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("action", ["start", "stop"])
def test_a_kill_in_the_middle_ends_in_the_truth(hub: RunningHub, project: int, action: str, victim: str):
    if action == "stop" and hub.status(project)["status"] != "running":
        hub.start(project)
    if action == "start" and hub.status(project)["status"] != "stopped":
        hub.ended(hub.ask(project, "stop"))
    task = hub.ask(project, action)
    hub.until(lambda: hub.get(f"/api/tasks/{task}").body["state"] == "running", 10, "the task does not run")
    time.sleep(0.6)
    assert hub.get(f"/api/tasks/{task}").body["state"] == "running", "the blow would come too late"
    strike(hub, victim)
    ended = settled(hub, task)
    state = shown_is_there(hub, project)
    assert state == {("start", "succeeded"): "running", ("start", "failed"): "failed",
                     ("stop", "succeeded"): "stopped"}[action, ended["state"]]
    if ended["state"] == "failed":
        assert ended["error"]
    for attempt, following in zip(ended["attempts"], ended["attempts"][1:], strict=False):
        assert attempt["outcome"] == "died" and attempt["error"], "the reason of a death is kept"
        assert attempt["ended_at"] <= following["started_at"]


def test_a_stack_survives_the_death_and_restart_of_all_of_hub(hub: RunningHub, project: int):
    if hub.status(project)["status"] != "running":
        hub.start(project)
    before = services_of(hub.data, "crashing")
    hub.down()
    assert "1 started stack keeps running; bin/up --stop-stacks" in hub.said()
    assert services_of(hub.data, "crashing") == before
    hub.up()
    hub.until(lambda: hub.status(project)["status"] == "running", SETTLED_WITHIN)
    assert services_of(hub.data, "crashing") == before


def test_what_was_killed_with_everything_is_started_again(hub: RunningHub, project: int):
    """As after a power cut: Hub, supervisors and services are all gone at once."""
    if hub.status(project)["status"] != "running":
        hub.start(project)
    leaders = [pid for pids in services_of(hub.data, "crashing").values() for pid in pids]
    for supervisor in supervisors(hub):
        supervisor.kill()
    for pid in leaders:
        os.kill(pid, signal.SIGKILL)
    strike(hub, "everything")

    def is_back():
        alive = services_of(hub.data, "crashing")
        return hub.status(project)["status"] == "running" and set(alive) == SERVICES \
            and all(len(pids) == 1 for pids in alive.values()) and not set(leaders) & {alive["web"][0]}

    hub.until(is_back, 30, "the stack did not come back")
    assert "Hub started it again" in hub.status(project)["reason"]


def test_what_is_marked_for_it_starts_with_hub_and_nothing_else(hub: RunningHub):
    hello = REPOSITORY / "examples" / "hello"
    marked, other = hub.add("early", hello, autostart=True), hub.add("late", hello)
    hub.down()
    hub.up()
    hub.until(lambda: "early starts with Hub." in hub.said(), 40, "it does not start with Hub")
    hub.until(lambda: hub.status(marked)["status"] == "running", 40, "it did not start with Hub")
    assert "late starts" not in hub.said()
    assert (hub.status(other)["status"], services_of(hub.data, "late")) == ("stopped", {})
