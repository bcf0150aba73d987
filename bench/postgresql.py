"""A PostgreSQL for the length of a bench."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def postgresql(folder: Path) -> Iterator[str | None]:
    """The URL of a PostgreSQL with its own settings for durability, empty unless the folder has held one before; None
    when there is no `initdb`."""
    initdb = shutil.which("initdb")
    if initdb is None:
        yield None
        return
    tools, data = Path(initdb).resolve().parent, folder / "postgresql"
    if not (tools / "pg_ctl").exists():
        tools = Path(initdb).parent
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # PostgreSQL will not run as root.
    as_whom = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    known = (data / "PG_VERSION").exists()
    if as_whom and not known:
        folder.chmod(0o755)
        data.mkdir()
        shutil.chown(data, "nobody", "nogroup")

    def call(*arguments: str) -> None:
        subprocess.run(arguments, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/", **as_whom)

    if not known:
        call(str(tools / "initdb"), "-D", str(data), "-U", "hub", "-A", "trust", "-E", "UTF8")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
    call(str(tools / "pg_ctl"), "-D", str(data), "-o", options, "-l", str(data / "log"), "-w", "start")
    try:
        yield f"postgres://hub:@127.0.0.1:{port}/postgres"
    finally:
        call(str(tools / "pg_ctl"), "-D", str(data), "-m", "fast", "stop")


def main() -> int:
    """`python -m bench.postgresql MODULE [ARGUMENT ...]` runs the module on a PostgreSQL of its own; its exit code, 2
    where there is none to run."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as scratch, postgresql(Path(scratch)) as url:
        if url is None:
            print("PostgreSQL's initdb was not found (Debian: apt-get install postgresql).", file=sys.stderr)
            return 2
        command = [sys.executable, "-m", *(word for word in sys.argv[1:] if word != "--postgresql")]
        return subprocess.run(command, env={**os.environ, "DATABASE_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
