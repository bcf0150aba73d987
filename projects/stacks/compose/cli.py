"""The `docker compose` command: what it is run with, and what became of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FROM_HOST = ("PATH", "HOME", "USER", "LANG", "TZ", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME",
             "DOCKER_CONFIG", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH",
             "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""What the command needs of the environment Hub runs in; nothing else of it can reach a stack."""

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NO_VARIABLES = "/dev/null"
"""As `--env-file`: the variables are given by the environment, so that no file is read a second time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said. `code` is its exit code; -1 when it did not end in time."""

    code: int
    out: str
    err: str


def variables_for(own: Mapping[str, str]) -> dict[str, str]:
    """The environment of the command: the host's basics, and the stack's own variables over them."""
    host = {name: value for name, value in os.environ.items() if name in FROM_HOST or name.lower().endswith("_proxy")}
    return {"PATH": DEFAULT_PATH, "HOME": "/", **host, **own}


def program() -> str | None:
    """The path of the `docker` command; None when there is none."""
    return shutil.which("docker")


def compose(docker: str, *, name: str, folder: Path, files: Sequence[Path]) -> list[str]:
    """The words that every `docker compose` command on a stack begins with."""
    words = [docker, "compose", "--project-name", name, "--project-directory", str(folder),
             "--env-file", NO_VARIABLES]
    for file in files:
        words += ["--file", str(file)]
    return words


def run(words: Sequence[str], variables: Mapping[str, str], *, seconds: float, folder: Path | None = None) -> Answer:
    """Run a command to its end. It gets no input; when the time is up it is killed."""
    try:
        done = subprocess.run(words, env=dict(variables), cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=seconds, text=True, errors="replace")
    except subprocess.TimeoutExpired:
        return Answer(-1, "", f"{' '.join(words[1:3])} did not answer within {seconds:g} s")
    except OSError as error:
        return Answer(-1, "", f"{words[0]} cannot be run: {error.strerror}")
    return Answer(done.returncode, done.stdout, done.stderr)


_versions: dict[tuple[str, str], tuple[int, ...]] = {}


def version(docker: str) -> tuple[int, ...] | None:
    """The version of Compose v2 that the command brings, such as (2, 26, 1); None when it brings none.

    It is asked once; where there is none, again each time, because somebody may install it.
    """
    key = (docker, os.environ.get("DOCKER_CONFIG", ""))
    if key not in _versions and (found := _ask_version(docker)) is not None:
        _versions[key] = found
    return _versions.get(key)


def _ask_version(docker: str) -> tuple[int, ...] | None:
    answer = run([docker, "compose", "version", "--short"], variables_for({}), seconds=10)
    if answer.code != 0:
        return None
    numbers = answer.out.strip().lstrip("v").split("+")[0].split("-")[0].split(".")
    return tuple(int(number) for number in numbers if number.isdigit()) or None
