"""What stands in the way of a build by Dagger is said before anything is changed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from projects.engines.dagger.access import (
    CLI_VARIABLE,
    PORT_VARIABLE,
    RUNNER_VARIABLE,
    TOKEN_VARIABLE,
    access,
    access_problem,
)
from projects.engines.dagger.failure import line_of
from projects.engines.dagger.image import Image, build_problems, images_of, run_by
from projects.engines.process.processes import environment_of, table
from projects.tests.engines.dagger.fake_cli import CODE_ROOT, script

PLAIN = {"PATH": "/nowhere", "HOME": "/root"}


def told(environ: dict[str, str]) -> str:
    """What is said of an environment; empty when an engine can be tried. Within two seconds, in one sentence."""
    began = time.monotonic()
    problem = access_problem(environ)
    assert time.monotonic() - began < 2
    if problem is None:
        return ""
    assert problem.hint
    assert problem.message.endswith(".")
    assert "\n" not in problem.message
    return problem.message


# Whether an engine can be had


def test_no_cli_is_told():
    assert told(PLAIN) == "No Dagger engine can be had: there is no dagger command on this machine."


def test_a_cli_on_the_path_or_in_the_variable_is_found(tmp_path):
    cli = script(tmp_path, "exit 1")
    assert access({"PATH": str(tmp_path)}).cli == str(cli)
    assert access({**PLAIN, CLI_VARIABLE: str(cli)}).cli == str(cli)
    assert told({**PLAIN, CLI_VARIABLE: str(cli)}) == ""


def test_a_cli_that_hangs_is_told_and_killed_with_what_it_started(tmp_path):
    cli = script(tmp_path, "exit 1", version="sleep 600 & wait")
    message = told({**PLAIN, "PATH": os.environ["PATH"], CLI_VARIABLE: str(cli), "DAGGER_TEST_MARK": str(tmp_path)})
    assert "did not say its version" in message
    assert [one.name for one in table().values()
            if one.alive and environment_of(one.pid).get("DAGGER_TEST_MARK") == str(tmp_path)] == []


def test_a_cli_that_fails_is_told_with_its_last_line(tmp_path):
    cli = script(tmp_path, "exit 1", version="echo wrong architecture >&2; exit 126")
    assert told({**PLAIN, CLI_VARIABLE: str(cli)}) == (
        f"No Dagger engine can be had: {cli} exited with code 126: wrong architecture."
    )


def test_a_cli_that_cannot_be_run_is_told(tmp_path):
    assert "cannot be run (No such file or directory)" in told({**PLAIN, CLI_VARIABLE: str(tmp_path / "gone")})


@pytest.mark.parametrize("kind", ["tcp", "unix", "session"])
def test_an_engine_that_does_not_listen_is_told(tmp_path, kind):
    cli = script(tmp_path, "exit 1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        environ = {
            "tcp": {CLI_VARIABLE: str(cli), RUNNER_VARIABLE: f"tcp://127.0.0.1:{port}"},
            "unix": {CLI_VARIABLE: str(cli), RUNNER_VARIABLE: f"unix://{tmp_path}/engine.sock"},
            "session": {PORT_VARIABLE: str(port), TOKEN_VARIABLE: "x"},
        }[kind]
        assert told({**PLAIN, **environ}).startswith("No Dagger engine can be had: nobody answers at ")
        taken.listen()
        if kind != "unix":
            assert told({**PLAIN, **environ}) == ""


def test_a_hub_without_the_sdk_says_how_to_install_it():
    # -S: without the packages that are installed.
    code = ("from projects.engines.dagger.access import access_problem; problem = access_problem({}); "
            "print(problem.message, problem.hint)")
    said = subprocess.run([sys.executable, "-S", "-c", code], cwd=CODE_ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == (
        "No Dagger engine can be had: the package dagger-io is not installed. "
        "Install it: bin/python -m pip install -r requirements-dagger.txt"
    )


# What a Compose file has built


def images(document: dict, env: dict[str, str] | None = None) -> list[Image]:
    return images_of(document, env or {}, lambda service: f"hub-shop-{service}:r1", {"hub.project": "shop"})


def test_a_build_section_becomes_an_image(tmp_path):
    (tmp_path / "key").write_text("s3cret")
    document = {
        "services": {
            "web": {
                "image": "shop/app", "platform": "linux/arm64",
                "build": {
                    "context": str(tmp_path), "dockerfile": "prod.Dockerfile", "target": "small",
                    "args": {"VERSION": 3, "DEBUG": True, "FROM_ENV": None, "UNSET": None}, "labels": {"a": "b"},
                    "secrets": [{"source": "key"}, {"source": "token", "target": "npm"}],
                },
            },
            "jobs": {"image": "shop/app"},
            "db": {"image": "postgres:17"},
            "inline": {"build": {"context": str(tmp_path), "dockerfile_inline": "FROM x"}},
        },
        "secrets": {"key": {"file": str(tmp_path / "key")}, "token": {"environment": "NPM_TOKEN"}},
    }
    web, inline = images(document, {"FROM_ENV": "yes", "NPM_TOKEN": "t0ken"})
    assert (web.service, web.name, web.dockerfile, web.target) == ("web", "hub-shop-web:r1", "prod.Dockerfile", "small")
    assert dict(web.args) == {"VERSION": "3", "DEBUG": "true", "FROM_ENV": "yes"}
    assert dict(web.labels) == {"a": "b", "hub.project": "shop"}
    assert {secret.id: secret.plaintext() for secret in web.secrets} == {"key": "s3cret", "npm": "t0ken"}
    assert web.platform == "linux/arm64"
    assert inline.text() == "FROM x"
    assert Image.from_json(web.to_json()) == web
    assert build_problems(document, [web, inline]) == []
    assert run_by(document, [web, inline]) == {
        "web": "hub-shop-web:r1", "jobs": "hub-shop-web:r1", "inline": "hub-shop-inline:r1",
    }


@pytest.mark.parametrize(("build", "said"), [
    ({"ssh": ["default"]}, "uses ssh, which Hub cannot pass on to Dagger"),
    ({"additional_contexts": {"a": "b"}, "network": "host"}, "uses additional_contexts, network"),
    ({"platforms": ["linux/amd64", "linux/arm64"]}, "names several platforms"),
    ({"context": "https://example.org/shop.git"}, "its build context is an address"),
    ({"secrets": [{"source": "gone"}]}, "build secret gone is to come from /nowhere/gone, which does not exist"),
    ({"secrets": [{"source": "empty"}]}, "build secret empty is empty"),
    ({"secrets": [{"source": "large"}]}, "build secret large is larger than 128,000 bytes"),
])
def test_what_dagger_cannot_build_is_told(tmp_path: Path, build, said):
    document = {
        "services": {"web": {"build": {"context": str(tmp_path), **build}}},
        "secrets": {"gone": {"file": "/nowhere/gone"}, "empty": {"environment": "E"}, "large": {"environment": "L"}},
    }
    (problem,) = build_problems(document, images(document, {"L": "x" * 128_001}))
    assert said in problem.message
    assert problem.service == "web"
    assert problem.hint


def test_what_dagger_does_in_its_own_way_is_no_problem(tmp_path: Path):
    document = {"services": {"web": {"build": {
        "context": str(tmp_path), "cache_from": ["x"], "pull": True, "tags": ["y"], "x-own": 1, "ssh": [],
    }}}}
    assert build_problems(document, images(document)) == []


def test_the_line_of_a_command_is_found_over_continued_lines():
    dockerfile = "FROM x\nRUN --mount=type=cache,target=/c \\\n    make \\\n    all\nRUN  make   test\n"
    assert line_of(dockerfile, ["/bin/sh", "-c", "make all"]) == 2
    assert line_of(dockerfile, ["/bin/sh", "-c", "make test"]) == 5
    assert line_of(dockerfile, ["/bin/sh", "-c", "make install"]) is None
    assert line_of(dockerfile, []) is None
