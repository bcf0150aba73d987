"""Whether a release works: on trial, before anybody is sent to it, and then in its place."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hub.rollout.errors import RolloutError
from hub.rollout.host import Host
from hub.rollout.releases import version_of
from hub.rollout.services import WATCH, WEB, Services

ANSWER_WITHIN = 15.0
EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


def address(host: Host) -> tuple[str, int]:
    """Where its web answers, as seen from this host."""
    name = host.environ.get("HUB_HOST", "")
    return EVERYWHERE.get(name, name), int(host.environ.get("HUB_PORT") or 9000)


def ask(place: tuple[str, int], path: str) -> tuple[int, bytes]:
    """Status and body; 0 and the reason when nobody answers."""
    connection = http.client.HTTPConnection(*place, timeout=ANSWER_WITHIN)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error).encode()
    finally:
        connection.close()


def trial(host: Host, release: Path, within: float) -> None:
    """Start web of a release at a port that nobody knows, and look at what it answers. Raises RolloutError."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = free.getsockname()
    with tempfile.TemporaryFile() as log:
        process = host.begin(release, "web", log=log, HUB_HOST=place[0], HUB_PORT=str(place[1]))
        try:
            soon(lambda: _ready(place, process), within, "its web did not get ready")
            _look(place, version_of(release))
        except RolloutError as error:
            log.seek(0)
            said = log.read().decode(errors="replace").strip().splitlines()
            raise RolloutError(f"{error} {said[-1] if said else ''}".strip()) from None
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def in_place(host: Host, services: Services, release: Path, since: float) -> str:
    """What is still wrong with a release that was put in its place at `since` (time.time()); empty when all that is
    wanted here is well."""
    if services.is_wanted(WEB):
        serving = (host.web().get("serving") or {}).get("release")
        if serving != str(release):
            return f"web is that of {Path(serving).name}" if serving else "no web serves"
    watches = services.is_wanted(WATCH)
    for unit in (*([WATCH] if watches else []), *services.workers()):
        if (found := services.release(unit)) != release:
            return f"{unit} is that of {found.name}" if found else f"{unit} does not run"
    if watches and (last := _heartbeat(host)) < max(since, time.time() - ANSWER_WITHIN):
        return f"watch was last heard of {time.time() - last:.0f} s ago"
    return _health(host, version_of(release)) if services.is_wanted(WEB) else ""


def soon(wrong: Callable[[], str], within: float, what: str) -> None:
    """Ask until nothing is wrong. Raises RolloutError with what still is when the time is over."""
    deadline = time.monotonic() + within
    while said := wrong():
        if time.monotonic() > deadline:
            raise RolloutError(f"{what} within {within:g} s: {said}.")
        time.sleep(0.2)


def _ready(place: tuple[str, int], process: subprocess.Popen) -> str:
    if process.poll() is not None:
        raise RolloutError(f"its web has ended (exit code {process.returncode}).")
    status, body = ask(place, "/health/ready")
    return "" if status == 200 else _reasons(body) if status else "it does not answer"


def _reasons(body: bytes) -> str:
    try:
        return ", ".join(json.loads(body)["reasons"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace")


def _look(place: tuple[str, int], version: str) -> None:
    found = _json(ask(place, "/health")[1]).get("version")
    if found != version:
        raise RolloutError(f"it says that it is version {found}, and not {version}.")
    status, page = ask(place, "/sign-in/")
    if status != 200:
        raise RolloutError(f"its page /sign-in/ answers {status}.")
    style = re.search(rb'<link[^>]+href="(/static/[^"]+\.css)"', page)
    if style is None or ask(place, style[1].decode())[0] != 200:
        raise RolloutError("its pages have no style sheet.")


def _health(host: Host, version: str) -> str:
    status, body = ask(address(host), "/health")
    found = _json(body)
    if status != 200:
        return f"/health answers {status}"
    if found.get("version") != version:
        return f"/health is that of version {found.get('version')}"
    bad = [name for name, part in found.items() if isinstance(part, dict) and part.get("status") != "ok"]
    return f"/health says that {', '.join(bad)} {'is' if len(bad) == 1 else 'are'} not well" if bad else ""


def _json(body: bytes) -> dict[str, Any]:
    try:
        return json.loads(body)
    except ValueError:
        return {}


def _heartbeat(host: Host) -> float:
    """When a watch was last heard of; 0 when there never was one."""
    try:
        return os.stat(host.data / "watch.heartbeat").st_mtime
    except OSError:
        return 0.0
