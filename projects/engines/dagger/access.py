"""Where a Dagger engine is to be had on this machine."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from projects.engines.base import Problem

CLI_VARIABLE = "_EXPERIMENTAL_DAGGER_CLI_BIN"
PORT_VARIABLE = "DAGGER_SESSION_PORT"
TOKEN_VARIABLE = "DAGGER_SESSION_TOKEN"
RUNNER_VARIABLE = "_EXPERIMENTAL_DAGGER_RUNNER_HOST"
CLI_NAME = "dagger"
DEFAULT_PORT = 1234
# Together less than two: a check before a start must not be felt.
SECONDS = 1.2
CONNECT_SECONDS = 0.5

# What the CLI may know of the environment that Hub runs in: never Hub's own settings.
PASSED_ON = ("HOME", "USER", "LOGNAME", "PATH", "LANG", "TZ", "TMPDIR", "SSH_AUTH_SOCK", "NO_PROXY", "HTTP_PROXY",
             "HTTPS_PROXY", "no_proxy", "http_proxy", "https_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR")
PASSED_ON_PREFIXES = ("DAGGER_", "_EXPERIMENTAL_DAGGER_", "DOCKER_", "XDG_")
QUIET = {"DO_NOT_TRACK": "1", "DAGGER_NO_UPDATE_CHECK": "1", "DAGGER_NO_NAG": "1", "OTEL_SDK_DISABLED": "true",
         "NO_COLOR": "1"}


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach an engine: by a session that somebody holds open (`port`, `token`), or by the CLI that opens one."""

    cli: str = ""
    port: int = 0
    token: str = ""


def access(environ: Mapping[str, str]) -> Access | None:
    """What the environment offers; None when it offers nothing that could be tried."""
    port, token = environ.get(PORT_VARIABLE, ""), environ.get(TOKEN_VARIABLE, "")
    if port.isdecimal() and 0 < int(port) < 65536 and token:
        return Access(port=int(port), token=token)
    cli = environ.get(CLI_VARIABLE) or shutil.which(CLI_NAME, path=environ.get("PATH", os.defpath))
    return Access(cli=cli) if cli else None


def access_problem(environ: Mapping[str, str]) -> Problem | None:
    """Why no Dagger engine can be had here, in one sentence, within two seconds; None when one can be tried."""
    if importlib.util.find_spec("dagger") is None:
        return Problem("dagger", "No Dagger engine can be had: the package dagger-io is not installed.",
                       "Install it: bin/python -m pip install -r requirements-dagger.txt")
    found = access(environ)
    if found is None:
        return Problem("dagger", "No Dagger engine can be had: there is no dagger command on this machine.",
                       f"Install the Dagger CLI, set {CLI_VARIABLE} to it, or use the engine compose.")
    problem = _cli_problem(found.cli, environ) if found.cli else None
    return problem or _engine_problem(found, environ.get(RUNNER_VARIABLE, ""))


def variables(environ: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of the CLI: what it needs of the host's, told to be quiet, and `extra` over it."""
    kept = {name: value for name, value in environ.items()
            if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)}
    return {"PATH": os.defpath, **kept, **QUIET, **extra}


def _cli_problem(cli: str, environ: Mapping[str, str]) -> Problem | None:
    """Whether the CLI runs at all: it says its version without an engine."""
    hint = "Install the Dagger CLI again, or use the engine compose."
    try:
        code, said = _run([cli, "version"], variables(environ, {}))
    except subprocess.TimeoutExpired:
        return Problem("dagger", f"No Dagger engine can be had: {cli} did not say its version within {SECONDS:g} s.",
                       hint)
    except OSError as error:
        return Problem("dagger", f"No Dagger engine can be had: {cli} cannot be run ({error.strerror}).", hint)
    if code:
        why = ": ".join([f"{cli} exited with code {code}", *said.strip().splitlines()[-1:]])
        return Problem("dagger", f"No Dagger engine can be had: {why}.", hint)
    return None


def _run(command: list[str], environ: dict[str, str]) -> tuple[int, str]:
    """Exit code and output of a command, which is killed with all it started when it takes too long."""
    process = subprocess.Popen(command, env=environ, start_new_session=True, text=True, errors="replace",
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        said, _ = process.communicate(timeout=SECONDS)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return process.returncode, said


def _engine_problem(found: Access, runner: str) -> Problem | None:
    """Whether somebody listens where the engine is said to be. What the CLI starts itself is for the CLI to find."""
    if found.port:
        where, kind, address = f"port {found.port}", socket.AF_INET, ("127.0.0.1", found.port)
        hint = f"Unset {PORT_VARIABLE}, or start Hub within a Dagger session again."
    else:
        url = urlsplit(runner)
        hint = f"Start that engine, or unset {RUNNER_VARIABLE}."
        if url.scheme == "tcp" and url.hostname:
            where, kind, address = runner, socket.AF_INET, (url.hostname, url.port or DEFAULT_PORT)
        elif url.scheme == "unix":
            where, kind, address = runner, socket.AF_UNIX, url.path
        else:
            return None
    try:
        if kind == socket.AF_INET:
            socket.create_connection(address, timeout=CONNECT_SECONDS).close()
        else:
            with socket.socket(kind) as attempt:
                attempt.settimeout(CONNECT_SECONDS)
                attempt.connect(address)
    except OSError as error:
        return Problem("dagger", f"No Dagger engine can be had: nobody answers at {where} ({error.strerror or error}).",
                       hint)
    return None
