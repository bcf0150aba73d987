"""A Docker host that is reached by TCP: it is asked, started on, and read from there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from projects.engines.compose.host import is_local
from projects.tests.engines.processes_seen import until

pytestmark = pytest.mark.xdist_group("docker")

TEXT = """
services:
  web:
    image: hub-test/busybox:1
    init: true
    ports: ["80"]
    command: [sh, -c, "echo far away; sleep 1000"]
    healthcheck: {test: "true", interval: 0.3s}
"""


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        target.close()


@pytest.fixture
def tcp_host(docker_engine) -> Iterator[tuple[str, list[int]]]:
    """The address of the same Docker Engine by TCP, and a list that gets one entry for each connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen: list[int] = []

    def serve(path: Path) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:  # closed: the test has ended
                return
            seen.append(1)
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(path))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()

    threading.Thread(target=serve, args=(docker_engine.socket,), daemon=True).start()
    yield f"tcp://127.0.0.1:{listener.getsockname()[1]}", seen
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_up_status_logs_and_down_by_tcp(kit, tcp_host, monkeypatch, tmp_path):
    address, seen = tcp_host
    # Only the project says where its host is: by Hub's own environment there is none.
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    stack = kit.stack_of(TEXT, env={"DOCKER_HOST": address})
    assert not is_local(stack) and kit.engine.problems(stack) == []
    steps = kit.up(stack)
    assert steps[-1].done == steps[-1].total and seen
    state = kit.state(stack, "web")
    assert (state.state, state.health) == ("running", "healthy")
    assert kit.container(stack, "web").status == "running", "it is really there"
    until(lambda: "far away" in kit.engine.logs(stack, "web").lines, 5, "its line")
    kit.down(stack)
    assert kit.left(stack) == []
