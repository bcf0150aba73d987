"""A real PostgreSQL, for tests of every app."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from projects.tests.port_slice import free_port


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """An empty PostgreSQL of the session's own."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "")]
    initdb = programs[-1]
    if not initdb.is_file():
        pytest.skip("PostgreSQL's initdb was not found (Debian: apt-get install postgresql).")
    # Not below pytest's own folders: no other user may enter those.
    folder = Path(tempfile.mkdtemp(prefix="hub-tests-postgres-"))
    # PostgreSQL refuses to run as root; its Debian package makes a user for it.
    as_user: list[str] = []
    if os.getuid() == 0:
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        shutil.chown(folder, "postgres", "postgres")
    data, port = folder / "data", free_port()
    subprocess.run([*as_user, initdb, "-D", data, "-U", "hub", "-A", "trust", "-E", "UTF8", "--no-sync"], check=True,
                   cwd="/", stdout=subprocess.DEVNULL)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*as_user, initdb.with_name("postgres"), "-D", data, "-p", str(port), "-k", "", "-h", "127.0.0.1",
             "-c", "fsync=off"], cwd="/", stdout=log, stderr=log,
        )  # fmt: skip
    ready = [initdb.with_name("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    deadline = time.monotonic() + 30
    while subprocess.run(ready, check=False).returncode:
        assert server.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
        time.sleep(0.05)
    yield f"postgres://hub@127.0.0.1:{port}/postgres"
    server.send_signal(signal.SIGINT)
    server.wait(20)
    shutil.rmtree(folder)
