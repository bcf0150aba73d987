"""A Docker host that is reached by TCP, by TLS or by ssh: it is asked, started on, and read from there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest

from conftest import REPOSITORY
from projects.engines.compose.host import is_local
from projects.engines.process.processes import table
from projects.tests import certificates
from projects.tests.engines.processes_seen import until
from projects.tests.ssh_host import SshHost

pytestmark = pytest.mark.xdist_group("docker")

ASK = "docker system dial-stdio"
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


@pytest.fixture
def by_tls(docker_engine, monkeypatch, tmp_path) -> dict[str, str]:
    """What a project needs to reach the same Docker Engine by TLS; Hub's own environment names no host."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    # An authority for other servers, as some machines name one for all of Python.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    return {"DOCKER_HOST": f"tcp://127.0.0.1:{docker_engine.tls_port}", "DOCKER_TLS_VERIFY": "1",
            "DOCKER_CERT_PATH": str(docker_engine.certificates / "client")}


def test_the_same_with_certificates(kit, by_tls):
    stack = kit.stack_of(TEXT.replace("image: hub-test/busybox:1", "build: ."), env=by_tls,
                         files={"Dockerfile": "FROM hub-test/busybox:1\nRUN echo built > /made\n"})
    assert not is_local(stack) and kit.engine.problems(stack) == []
    kit.up(stack)
    assert kit.state(stack, "web").health == "healthy" and kit.run_in(stack, "web", "cat /made") == "built"
    until(lambda: "far away" in kit.engine.logs(stack, "web").lines, 30, "its line")
    list(kit.engine.restart(stack, "web"))
    kit.down(stack)
    assert kit.left(stack) == []


def test_who_shows_no_certificate_or_that_of_another_is_told_so(kit, by_tls, tmp_path):
    certificates.make(tmp_path / "others")
    for wrong in (
        {"DOCKER_TLS_VERIFY": ""},
        {"DOCKER_CERT_PATH": str(tmp_path / "others" / "client")},
        {"DOCKER_CERT_PATH": str(tmp_path / "nowhere")},
    ):
        stack = kit.stack_of(TEXT, env={**by_tls, **wrong})
        (problem,) = [one for one in kit.engine.problems(stack) if one.blocking]
        assert problem.code == "docker-tls" and by_tls["DOCKER_HOST"] in problem.message, problem
        assert "DOCKER_CERT_PATH" in problem.hint
        # There is nothing to take down, and nobody to ask.
        kit.stacks.remove(stack)


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
    until(lambda: "far away" in kit.engine.logs(stack, "web").lines, 30, "its line")
    kit.down(stack)
    assert kit.left(stack) == []


def commands_of_ssh() -> list[int]:
    """The ssh commands of this process that live."""
    return [one.pid for one in table().values() if one.ppid == os.getpid() and one.name == "ssh" and one.alive]


def test_the_same_by_ssh(kit, docker_engine, monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with SshHost(tmp_path / "ssh", docker_engine.variables) as host:
        monkeypatch.setenv("PATH", f"{host.path}:{os.environ['PATH']}")
        stack = kit.stack_of(TEXT, env={"DOCKER_HOST": host.address})
        assert not is_local(stack) and kit.engine.problems(stack) == []
        kit.up(stack)
        assert kit.state(stack, "web").health == "healthy"
        assert kit.container(stack, "web").status == "running", "it is really there"
        until(lambda: "far away" in kit.engine.logs(stack, "web").lines, 30, "its line")
        asked = host.asked.count(ASK)
        for _ in range(5):
            assert kit.engine.look(stack, fresh=True).of(f"hub-{stack.slug}")
        assert host.asked.count(ASK) == asked, "the connections that are there are asked again"
        # One that is cut is made anew, and nobody hears of it.
        host.cut()
        until(lambda: not commands_of_ssh(), 10, "the commands have ended")
        assert kit.engine.look(stack, fresh=True).of(f"hub-{stack.slug}")
        assert host.asked.count(ASK) == asked + 1
        kit.down(stack)
        assert kit.left(stack) == []
        kit.stacks.remove(stack)
        kit.engine.hosts.client(stack).close()


def test_hub_reaches_docker_without_paramiko_which_only_these_tests_have():
    program = "import sys; sys.modules['paramiko'] = None; from projects.engines.compose import host; host.Hosts()"
    subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=True)


def test_what_ssh_says_is_told(kit, monkeypatch, tmp_path):
    (tmp_path / "ssh").write_text("#!/bin/sh\necho 'hub@far: Permission denied (publickey).' >&2\nexit 255\n")
    (tmp_path / "ssh").chmod(0o755)
    stack = kit.stack_of(TEXT, env={"DOCKER_HOST": "ssh://hub@far"})
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (problem,) = [one for one in kit.engine.problems(stack) if one.blocking]
    assert problem.code == "docker-down" and "hub@far: Permission denied (publickey)" in problem.message
    kit.stacks.remove(stack)
