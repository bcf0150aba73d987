"""Planted faults on real processes: each is named at the top of the page, with the line, the cause and what to do."""

import re
import socket
from html import unescape
from pathlib import Path

import pytest
from django.urls import reverse

from accounts.tests.people import signed_in
from projects import actions
from projects.engines.process import problems
from projects.models import Project, Service
from projects.presentation.cause import cause_of
from projects.reconcile import reconcile
from projects.states import ProjectState
from projects.tests.engines.processes_seen import kill, until
from projects.tests.stack_tasks import done, down, folder_of, pids_of, started

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_server")]

ONCE = "# hub: restart=no stay_up=5\n"


def top(project: Project) -> str:
    """What stands in the first fault of the page, as text."""
    page = signed_in("operator").get(reverse("projects:detail", args=[project.pk])).content.decode()
    found = re.search(r'<section class="fault".*?</section>', page, re.DOTALL)
    assert found, "no fault at the top"
    return unescape(re.sub(r"<[^>]+>|\s+", " ", found[0]))


def failed(name: str, procfile: str, **files: str) -> Project:
    folder = folder_of(name, procfile)
    for file, text in files.items():
        (folder / file).write_text(text)
    project = actions.create_project(name=name, path=str(folder))
    assert done(actions.start(project)).state == "failed"
    project.refresh_from_db()
    assert project.state == ProjectState.FAILED
    return project


FAULTS = {
    "missing variable": (ONCE + "work: python3 -c \"import os; os.environ['LEDGER_URL']\"\n",
                         ["exited with code 1", "KeyError: 'LEDGER_URL'", "The variable LEDGER_URL is not set",
                          "Set it on the tab Environment"]),
    "missing variable of a shell": (ONCE + "work: set -u; echo $LEDGER_URL; sleep 60\n",
                                    ["LEDGER_URL", "The variable LEDGER_URL is not set"]),
    "missing module": (ONCE + "work: python3 -c 'import no_such_library'\n",
                       ["No module named", "no_such_library is not installed", "Install it"]),
    "failing build step": ("release: echo compiling; echo 'SyntaxError: invalid syntax' >&2; exit 2\nwork: sleep 60\n",
                           ["release exited with code 2", "SyntaxError", "Its code cannot be read"]),
    "failing check": ("# hub: port=7000 ready_timeout=1\nweb: echo thinking; sleep 60\n",
                      ["web did not answer on port", "within 1 s", "thinking", "Let it listen on $PORT"]),
    "out of memory": (ONCE + "work: echo filling; kill -KILL $$\n",
                      ["was ended by SIGKILL", "filling", "no memory left", "Out of memory"]),
    "not executable": (ONCE + "work: exec ./locked\n", ["exited with code 126", "locked", "Permission denied",
                                                             "change its rights"]),
    "permission": (ONCE + "work: echo 'open /etc/shadow: Permission denied'; exit 1\n",
                   ["Permission denied", "It may not use something", "change its rights"]),
    "port of its own": (ONCE + "work: echo 'OSError: [Errno 98] Address already in use'; exit 1\n",
                        ["Address already in use", "Another process listens", "$PORT"]),
    "ended by itself": (ONCE + "work: echo all done\n", ["exited with code 0", "without an error", "one-shot"]),
    "no such command": ("work: no-such-program --fast\n", ["no-such-program", "line 1", "Install it"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_line_its_cause_and_what_to_do(fault):
    procfile, words = FAULTS[fault]
    text = top(failed(fault.replace(" ", "-"), procfile, locked="#!/bin/sh\n"))
    for word in words:
        assert word in text, f"{word!r} is not in: {text}"


def test_a_taken_port_names_who_has_it_and_offers_another():
    project = actions.create_project(name="taken", path=str(folder_of("taken", "web: serve=1; sleep 60 # $PORT\n")))
    with socket.create_server(("127.0.0.1", project.leases.get().host_port)):
        assert done(actions.start(project)).state == "failed"
        project.refresh_from_db()
        page = signed_in("operator").get(reverse("projects:detail", args=[project.pk])).content.decode()
        held = project.leases.get()
    assert f"Port {held.host_port} of web is held by" in page and "Stop that process" in page
    assert page.count(reverse("projects:release-port", args=[project.pk, held.pk])) == 2, "action and hx-post"
    assert "is taken" not in page, "it is told once"


def test_a_broken_procfile_names_its_line():
    project = actions.create_project(name="typo", path=str(folder_of("typo", "work: sleep 60\n")))
    (Path(project.path) / "Procfile").write_text("work: sleep 60\nno colon here\n")
    assert done(actions.start(project)).state == "failed"
    project.refresh_from_db()
    assert "line 2" in top(project)


def test_too_little_room_on_the_disk_stops_a_start(monkeypatch):
    monkeypatch.setattr(problems, "LEAST_FREE", 2**62)
    text = top(failed("full", "work: sleep 60\n"))
    assert "MiB are free on the disk" in text and "Make room" in text


def test_a_service_that_is_killed_again_and_again_says_so_at_the_top():
    project = started(actions.create_project(name="shot", path=str(folder_of("shot", ONCE.replace("5", "0.1")
                                                                            + "work: echo at work; sleep 600\n"))))
    try:
        kill(pids_of(project)["work"])

        def seen() -> bool:
            reconcile()
            return Service.objects.get(project=project).state == "failed"

        until(seen, 5, "it is seen to be killed")
        Project.objects.filter(pk=project.pk).update(state=ProjectState.FAILED)
        project.refresh_from_db()
        text = top(project)
        assert "was ended by SIGKILL" in text and "at work" in text and "killed from outside" in text
    finally:
        down(project)


@pytest.mark.parametrize(("reason", "lines", "words"), [
    ("exited with code 1", ["FATAL: could not connect to server: Connection refused"], "does not answer"),
    ("exited with code 1", ["Error: Cannot find module 'express'"], "express is not installed"),
    ("exited with code 1", ["write: No space left on device"], "disk is full"),
    ("exited with code 1", ["FATAL ERROR: JavaScript heap out of memory"], "Memory ran out"),
    ("exited with code 1", ["KeyError: 'PORT'"], "wants to be told its port"),
    ("exited with code 1", ["DATABASE_URL is not set"], "The variable DATABASE_URL is not set"),
    ("exited with code 1", ["python3: can't open file '/srv/x.py': [Errno 2] No such file"], "/srv/x.py"),
    ("was ended by SIGSEGV after 2 s", [], "crashed"),
    ("exited with code 127 after 0.1 s", ["sh: 1: gunicorn: not found"], "does not exist here"),
])
def test_what_common_programs_say_is_understood(reason, lines, words):
    assert words in cause_of(reason, lines).text


def test_nothing_is_made_up():
    assert cause_of("exited with code 3", ["the ledger is closed", "ERROR goodbye"]) is None
