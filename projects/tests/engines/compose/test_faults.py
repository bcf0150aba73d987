"""Planted faults: each is named, with its place and what to do, before anything starts or as the start's own error."""

from __future__ import annotations

import os
import pickle
import secrets
import socket
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from projects.engines.base import EngineError, Problem
from projects.engines.compose import problems
from projects.engines.compose.engine import ComposeEngine
from projects.engines.compose.host import Unreachable
from projects.stacks.spec import StackError

pytestmark = pytest.mark.xdist_group("docker")

NOBODY = 65534
HEAD = "services:\n  web:\n    image: hub-test/busybox:1\n    init: true\n"


def refused(kit, text: str, **kwargs) -> StackError:
    """The error of a file that cannot even be read."""
    with pytest.raises(StackError) as raised:
        kit.stack_of(text, **kwargs)
    return raised.value


def failed(kit, stack) -> EngineError:
    """The error of a start; nothing of it is left after the stop that follows."""
    with pytest.raises(EngineError) as raised:
        kit.up(stack)
    kit.down(stack)
    assert kit.alive(stack) == []
    return raised.value


def found(kit, stack, code: str):
    """The one problem of that code that the preflight sees."""
    (problem,) = [one for one in kit.engine.problems(stack) if one.code == code]
    return problem


@pytest.mark.parametrize(("text", "line", "words"), [
    ("services:\n  web:\n    image: [a\n", 4, "expected"),
    ("services:\n  web:\n    image: a\n\tports: []\n", 4, "tab|cannot start"),
    (HEAD + "    imagee: x\n", 5, "imagee"),
    (HEAD + "    volumes: ['data:/d']\n", 2, "undefined volume data"),
    (HEAD + "    depends_on: [db]\n", 2, "db"),
    (HEAD + "    environment: {A: '${SECRET:?ask the team}'}\n", 5, "SECRET is not set: ask the team"),
    (HEAD + "    image: twice\n", 5, "image stands here twice"),
    (HEAD + "    env_file: missing.env\n", 5, "missing.env does not exist"),
])
def test_a_file_that_cannot_be_read_names_the_line(kit, text, line, words):
    error = refused(kit, text)
    assert error.line == line and f"compose.yaml, line {line}" in error.message
    assert any(word in error.message for word in words.split("|"))


def test_a_variable_that_nothing_sets(kit):
    stack = kit.stack_of(HEAD + "    command: ['sleep', '10${NOBODY}']\n")
    problem = found(kit, stack, "variable")
    assert "${NOBODY}" in problem.message and "NOBODY" in problem.hint and not problem.blocking
    kit.up(stack)


def test_a_port_that_is_taken(kit):
    stack = kit.stack_of(HEAD + "    ports: ['80']\n    command: [sleep, '100']\n")
    port = stack.host_ports["web", 1, 80]
    with socket.create_server(("127.0.0.1", port)):
        problem = found(kit, stack, "port")
        assert problem.port == port and str(os.getpid()) in problem.holder
        assert str(port) in failed(kit, stack).message


def test_an_image_that_is_not_there(kit):
    stack = kit.stack_of("services:\n  web: {image: 'localhost:9/nobody/nothing:7'}\n")
    error = failed(kit, stack)
    assert "localhost:9/nobody/nothing:7 of web" in error.message and error.line == 2
    assert "docker login" in error.detail


def test_a_build_step_that_fails(kit):
    stack = kit.stack_of("services:\n  web: {build: .}\n", files={
        "Dockerfile": "FROM hub-test/busybox:1\nRUN echo first\nRUN echo no room left; exit 7\n",
    })
    error = failed(kit, stack)
    assert (error.service, error.line, error.file.name) == ("web", 3, "Dockerfile")
    assert "image of web could not be built" in error.message and "code 7" in error.message
    assert "no room left" in error.detail


@pytest.mark.parametrize(("text", "code", "words"), [
    ("services:\n  web: {build: ./nowhere}\n", "build-context", "nowhere"),
    ("services:\n  web: {build: .}\n", "dockerfile", "Dockerfile"),
    (HEAD + "    volumes: [{type: bind, source: ./gone, target: /x}]\n", "mount", "gone"),
])
def test_what_the_folder_does_not_have(kit, text, code, words):
    stack = kit.stack_of(text)
    problem = found(kit, stack, code)
    assert problem.service == "web" and words in problem.message and "line 2" in problem.message and problem.hint


def test_a_health_check_that_never_passes(kit):
    stack = kit.stack_of(HEAD + "    command: [sleep, '100']\n    healthcheck: {test: 'echo no table; exit 1', "
                                "interval: 0.3s, retries: 2}\n")
    error = failed(kit, stack)
    assert error.message.startswith("web runs, but its health check fails: no table") and error.line == 2


def test_a_job_that_fails_before_what_waits_for_it(kit):
    stack = kit.stack_of("""services:
  app: {image: "hub-test/busybox:1", command: [ls], depends_on: {job: {condition: service_completed_successfully}}}
  job: {image: "hub-test/busybox:1", command: ["sh", "-c", "echo no such table; exit 4"]}
""")
    error = failed(kit, stack)
    assert error.message.startswith("job exited with code 4") and error.line == 3 and error.detail == "no such table"


def test_out_of_memory_during_the_start(kit):
    stack = kit.stack_of(HEAD + "    mem_limit: 16m\n    command: ['sh', '-c', 'tail -c 200000000 /dev/zero']\n"
                                "    healthcheck: {test: 'true', interval: 30s}\n")
    assert "memory limit of 16 MB" in failed(kit, stack).message


def test_a_command_that_is_not_in_the_image(kit):
    stack = kit.stack_of(HEAD.replace("    init: true\n", "") + "    command: [no-such-program]\n")
    error = failed(kit, stack)
    assert error.service == "web" and "no-such-program" in error.message and error.line == 2


def test_a_disk_that_is_nearly_full(kit, monkeypatch):
    stack = kit.stack_of(HEAD)
    monkeypatch.setattr(problems, "LEAST_BYTES", 10**18)
    problem = found(kit, stack, "disk")
    assert "are free where Docker keeps its data" in problem.message and "prune" in problem.hint


def test_docker_that_is_not_there_or_may_not_be_used(kit, monkeypatch, tmp_path):
    stack = kit.stack_of(HEAD)
    with monkeypatch.context() as patch:
        patch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
        problem = found(kit, stack, "docker-down")
        assert "nobody.sock" in problem.message and "Start it" in problem.hint
        patch.setenv("PATH", str(tmp_path))
        assert "docker command is not installed" in found(kit, stack, "docker-missing").message


def as_nobody(look: Callable[[], list[Problem]]) -> list[Problem]:
    """What a look finds in a child that gives up root's rights."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writer, pickle.dumps(look()))
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as said:
        found = said.read()
    os.waitpid(child, 0)
    assert found, "it could not look"
    return pickle.loads(found)


@pytest.mark.parametrize("mode", [0o711, 0o700], ids=["the socket", "its folder"])
def test_docker_that_another_user_may_not_use(kit, mode):
    stack = kit.stack_of(HEAD)

    def ask() -> list[Problem]:
        try:
            ComposeEngine().hosts.client(stack)
        except Unreachable as error:
            return [problems.host_problem(error)]
        return []

    kit.docker.folder.chmod(mode)
    (problem,) = as_nobody(ask)
    kit.docker.folder.chmod(0o700)
    assert problem.code == "docker-permission" and "group docker" in problem.hint
    assert problem.message == f"The user that runs Hub may not use Docker at unix://{kit.docker.socket}."


@pytest.mark.parametrize(("name", "mode"), [("secrets.env", 0o600), ("certificates", 0o711), ("closed/inside", 0o700)])
def test_a_mount_that_another_user_may_not_read(kit, name, mode):
    """A file, a folder whose names may not be listed, and what lies in a folder that may not be entered."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place)
        for one in ("", "good", "certificates", "closed", "closed/inside"):
            (path / one).mkdir(exist_ok=True)
            (path / one).chmod(0o755)
        (path / "secrets.env").write_text("A=1\n")
        stack = kit.stack_of(HEAD + f"    volumes: ['./{name}:/x:ro', './good:/y']\n", path=path)
        (path / name.partition("/")[0]).chmod(mode)
        assert [one for one in problems.definition_problems(stack) if one.code == "mount"] == [], "root may read it"
        (problem,) = as_nobody(lambda: list(problems.definition_problems(stack)))
    # It is told and stops nothing: what a database keeps to its own user, Docker mounts all the same.
    assert (problem.code, problem.service, problem.blocking) == ("mount", "web", False)
    assert problem.message == (f"web mounts {path / name}, which the user that runs Hub cannot read "
                               "(compose.yaml, line 2).")
    assert "change its rights" in problem.hint


def test_names_that_others_have(kit):
    """A container from outside is in nobody's way; containers of another Hub, for a project of that name, are."""
    name = f"ledger-{secrets.token_hex(3)}"
    other = kit.client.containers.run("hub-test/busybox:1", "sleep 1000", name=name, init=True, detach=True)
    try:
        stack = kit.stack_of(HEAD + f"    container_name: {name}\n    command: [sleep, '1000']\n")
        assert kit.engine.problems(stack) == []
        kit.up(stack)
        assert kit.container(stack, "web").name != name
    finally:
        other.remove(force=True)
    problem = found(kit, replace(stack, hub_id="another"), "name")
    assert problem.blocking and "Another Hub (test-hub) runs containers named like this project" in problem.message
    assert "Rename the project" in problem.hint


def test_only_the_old_compose_is_here(kit, monkeypatch, tmp_path):
    stack = kit.stack_of(HEAD)
    for name in ("docker", "docker-compose"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        problem = found(kit, stack, "compose-missing")
    assert "version 1" in problem.message and "docker-compose-plugin" in problem.hint
