"""A new version takes over from the old one, from the same socket: who asks meanwhile is answered."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import REPOSITORY, process_environment
from projects.tests.port_slice import free_port

pytestmark = pytest.mark.django_db(transaction=True)
HOLD = f"""import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from hub.launch import handover
handover.main(sys.argv[1])"""


class Host:
    """`current` leads to one of several releases, as on a host that bin/deploy has been used on."""

    def __init__(self, folder: Path):
        self.folder, self.data, self.port = folder, folder / "data", free_port()
        self.data.mkdir()
        for name, does in (("one", "manage.py"), ("two", "manage.py"), ("broken", "-c 'raise SystemExit(3)'")):
            command = folder / name / "bin" / "manage"
            command.parent.mkdir(parents=True)
            command.write_text(f'#!/bin/sh\ncd {shlex.quote(str(REPOSITORY))} && exec {sys.executable} {does} "$@"\n')
            command.chmod(0o755)
        self.lead_to("one")
        environ = process_environment() | {"HUB_DATA": str(self.data), "HUB_HOST": "127.0.0.1",
                                           "HUB_PORT": str(self.port)}
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder / "current")], env=environ,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def lead_to(self, name: str) -> None:
        new = self.folder / "new"
        new.symlink_to(self.folder / name)
        new.replace(self.folder / "current")

    def hand_over(self, name: str) -> None:
        self.lead_to(name)
        self.process.send_signal(signal.SIGHUP)

    def said(self, what: str) -> dict[str, Any]:
        """What `web.json` says of `serving`, `coming` or `failed`; nothing while there is none."""
        try:
            return json.loads((self.data / "web.json").read_text())[what] or {}
        except FileNotFoundError:
            return {}

    def serves(self, name: str) -> bool:
        return self.said("serving").get("release", "").endswith(f"/{name}")

    def ask(self) -> int:
        """The status of an answer, by a new connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", "/api/projects")
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture
def host(redis_server, tmp_path, transactional_db) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    if host.process.poll() is None:
        host.process.kill()
    host.process.wait()
    print((tmp_path / "log").read_text())


class Asking(threading.Thread):
    """Asks without a pause until it is told to stop; `answers` are statuses, and errors where there was none."""

    def __init__(self, host: Host):
        super().__init__(daemon=True)
        self.host, self.answers, self.over = host, [], threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            try:
                self.answers.append(self.host.ask())
            except (OSError, http.client.HTTPException) as error:
                self.answers.append(repr(error))


def test_nobody_is_refused_while_versions_take_turns_and_a_broken_one_changes_nothing(host: Host, eventually):
    eventually(lambda: host.serves("one"), 60, "The first does not come.")
    asking = [Asking(host), Asking(host)]
    for one in asking:
        one.start()
    first = host.said("serving")["pid"]
    host.hand_over("two")
    eventually(lambda: host.serves("two"), 60, "The second does not come.")
    eventually(lambda: not os.path.exists(f"/proc/{first}"), 60, "The first does not go.")
    host.hand_over("broken")
    eventually(lambda: host.said("failed"), 60, "Nobody says that the third does not come.")
    assert host.serves("two") and host.said("failed") == {"release": str(host.folder / "broken"), "why": "it has ended"}
    for one in asking:
        one.over.set()
        one.join(60)
        assert set(one.answers) == {401}, "somebody was not answered"

    host.lead_to("one")
    os.kill(host.said("serving")["pid"], signal.SIGKILL)
    eventually(lambda: host.serves("one"), 60, "A web that was killed does not come again.")
    assert host.ask() == 401
    host.process.terminate()
    assert host.process.wait(30) == 0 and not (host.data / "web.json").exists()
