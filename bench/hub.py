"""A real Hub for the bench: `manage.py up` with data and ports of its own, and somebody who is signed in to it."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load import Answer, drive, request
from hub.tests.system.running_hub import REPOSITORY, RunningHub, processes_of
from projects.tests.port_slice import claimed

SHOP = REPOSITORY / "examples" / "shop"
# Four services that do nothing: what a start of them takes is the engine's own time.
SLEEP = "".join(f"# hub: ready=up stay_up=0.1\n{name}: exec sleep 100000\n" for name in ("one", "two", "three", "four"))
ONE_SLEEP = "# hub: ready=up stay_up=0.1\none: exec sleep 100000\n"

SIGN_IN = """
from django.conf import settings
from django.contrib.auth import get_user_model, login
from accounts.sessions import SessionStore
from django.http import HttpRequest
request = HttpRequest()
request.session = SessionStore()
people = get_user_model().objects
user = people.filter(username="bench").first() or people.create_superuser("bench", password=None)
login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
request.session.save()
print("cookies", settings.SESSION_COOKIE_NAME, request.session.session_key, settings.CSRF_COOKIE_NAME)
"""
CSRF = "b" * 32


@dataclass
class Person:
    """Somebody signed in with a browser; `headers` is what it sends."""

    hub: RunningHub
    headers: dict[str, str]

    @classmethod
    def of(cls, hub: RunningHub) -> Person:
        """A new superuser of that Hub, signed in."""
        said = hub.manage("shell", "-c", SIGN_IN).strip().splitlines()[-1]
        _, session_name, session, csrf_name = said.split()
        return cls(hub, {"Cookie": f"{session_name}={session}; {csrf_name}={CSRF}", "X-CSRFToken": CSRF})

    def asks(self, method: str, path: str, target: str = "") -> bytes:
        """The bytes of a request; with a `target`, as htmx sends it."""
        htmx = {"HX-Request": "true", "HX-Target": target} if target else {}
        return request(method, path, {**self.headers, **htmx})

    def get(self, path: str, target: str = "") -> Answer:
        return self._one(self.asks("GET", path, target))

    def post(self, path: str, target: str = "") -> Answer:
        return self._one(self.asks("POST", path, target))

    def _one(self, bytes_: bytes) -> Answer:
        return drive(self.hub.port, [[(0.0, bytes_)]]).answers[0]


def by_key(hub: RunningHub, method: str, path: str) -> bytes:
    """The bytes of a request with the Hub's API key."""
    headers = {"Authorization": f"Bearer {hub.key}", "Content-Type": "application/json"}
    return request(method, path, headers, b"{}" if method == "POST" else b"")


@contextmanager
def running_hub(**environment: str) -> Iterator[RunningHub]:
    """A Hub that is ready. At the end it, its stacks and its data are gone."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as scratch:
        data, root = Path(scratch).resolve() / "data", Path(scratch).resolve() / "projects"
        data.mkdir(mode=0o700)
        root.mkdir()
        ports = claimed()
        hub = RunningHub(data, root, ports.free(), ports.whole, dict(environment))
        try:
            hub.up()
            yield hub
            hub.manage("up", "--stop-stacks")
        finally:
            hub.down()
            for process in processes_of(data):
                process.kill()


def folder(hub: RunningHub, name: str, procfile: str) -> Path:
    """A folder with that Procfile below the Hub's root."""
    place = hub.root / name
    place.mkdir(exist_ok=True)
    (place / "Procfile").write_text(procfile)
    return place


def all_ended(hub: RunningHub, tasks: list[str], seconds: float = 120) -> None:
    """Wait until every task has succeeded; AssertionError names the first that did not."""
    for task in tasks:
        ended = hub.ended(task, seconds)
        assert ended["state"] == "succeeded", json.dumps(ended)[:2000]


def stop_all(hub: RunningHub, projects: list[int]) -> None:
    all_ended(hub, [hub.ask(project, "stop") for project in projects])


def settle_down(seconds: float = 1.0) -> None:
    """Let what was just done end its last work before something else is measured."""
    time.sleep(seconds)
