"""A Hub is saved while it works, and comes back on another machine: with its rows, its secrets, its stacks' data."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hub.env import ROOT

PROCFILE = "web: sleep 1000\n"
FILL = """
from events.context import acting
from projects.actions import create_project
from tasks.actions import cancel, enqueue
from tasks.jobs import Sleep
with acting(actor="test", via="command"):
    create_project(name="Shop", path={stack!r}, env={{"PASSWORD": "very-secret"}})
    cancel(enqueue(Sleep, {{"seconds": 1}}))
"""
PAIRS = """
import time
from django.db import transaction
from events.actions import record
end = time.monotonic() + 60
while time.monotonic() < end:
    with transaction.atomic():
        record("pair.one")
        time.sleep(0.002)
        record("pair.two")
    print("written", flush=True)
"""
LOAD = """
from projects.environment import load
from projects.models import Project
print(load(Project.objects.get()))
"""
FUTURE = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("INSERT INTO django_migrations (app, name, applied) "
                   "VALUES ('tasks', '9999_from_the_future', '2030-01-01')")
"""
# Many commands in one process, each an operator's: what they say, and with which exit code they end.
ATTEMPTS = """
import json
from django.core.management import CommandError, call_command
said = []
for command in {commands!r}:
    try:
        call_command(*command)
        said.append([0, ""])
    except CommandError as error:
        said.append([error.returncode, str(error)])
print(json.dumps(said))
"""
COUNT = """
from events.models import Event
print([Event.objects.filter(subject__endswith=f".pair.{one}").count() for one in ("one", "two")])
"""


@dataclass
class Machine:
    """A data folder with a database of its own, spoken to by `manage.py` as its operator does."""

    folder: Path
    database: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, str(ROOT / "manage.py"), *map(str, arguments)], env=self.environment,
                              text=True, capture_output=True, cwd="/", check=False, timeout=120)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**kept, "HUB_DATA": str(self.folder), "DATABASE_URL": self.database, "REDIS_URL": "",
                "HUB_PROJECTS_ROOT": str(self.folder.parent), **self.extra}

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen]:
        with subprocess.Popen([sys.executable, str(ROOT / "manage.py"), *arguments], env=self.environment, cwd="/",
                              stdout=subprocess.PIPE) as process:
            try:
                yield process
            finally:
                process.kill()

    def done(self, *arguments: str | Path) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *arguments: str | Path) -> str:
        done = self.run(*arguments)
        assert done.returncode == 2 and "Traceback" not in done.stderr, (done.returncode, done.stderr)
        return done.stderr

    def attempts(self, commands: list[tuple[str | Path, ...]]) -> list[tuple[int, str]]:
        """The exit code of each, and what it said."""
        texts = [[str(word) for word in command] for command in commands]
        return json.loads(self.shell(ATTEMPTS.format(commands=texts)))

    def files(self) -> dict[str, bytes]:
        """All files of the data folder, but those of the database."""
        return {path.name: path.read_bytes() for path in self.folder.iterdir()
                if path.is_file() and "sqlite" not in path.name}

    def json(self, *arguments: str | Path) -> dict:
        return json.loads(self.done(*arguments, "--json"))

    def shell(self, code: str) -> str:
        return self.done("shell", "--no-imports", "-c", code).strip()


@pytest.fixture
def machine(tmp_path: Path) -> Callable[[str], Machine]:
    """`machine(name)`: another machine, with a SQLite database."""
    return lambda name: Machine(tmp_path / name)


@pytest.fixture(params=["sqlite", "postgresql"])
def any_machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Machine]]:
    """`any_machine(name)`: another machine, with a database of the kind that the test runs on."""
    made: list[str] = []
    server = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""

    def make(name: str) -> Machine:
        if not server:
            return Machine(tmp_path / name)
        made.append(f"backup_{secrets.token_hex(4)}")
        psql(server, f"CREATE DATABASE {made[-1]}")
        return Machine(tmp_path / name, server.rpartition("/")[0] + "/" + made[-1])

    yield make
    for name in made:
        psql(server, f"DROP DATABASE {name} WITH (FORCE)")


def psql(url: str, statement: str) -> None:
    place = urlsplit(url)
    subprocess.run(["psql", "-q", "-h", place.hostname, "-p", str(place.port), "-U", place.username,
                    "-d", place.path[1:], "-c", statement], check=True)


def filled(hub: Machine) -> Machine:
    """A Hub with a project that has a secret, data, and a task that has ended."""
    hub.done("migrate", "-v0")
    stack = hub.folder.parent / "shop"
    stack.mkdir()
    (stack / "Procfile").write_text(PROCFILE)
    (stack / ".env").write_text("TOKEN=in-the-folder\n")
    hub.shell(FILL.format(stack=str(stack)))
    data = hub.folder / "stacks" / "shop" / "data"
    data.mkdir(parents=True)
    (data / "rows.txt").write_text("kept")
    (data / "rows.txt").chmod(0o640)
    return hub


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What most tests begin with, made once."""
    return filled(Machine(tmp_path_factory.mktemp("template") / "first")).folder.parent


@pytest.fixture
def first(template: Path, tmp_path: Path) -> Machine:
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    return Machine(tmp_path / "first")


def saved(hub: Machine, *options: str) -> tuple[Path, Path]:
    """`(backup, keys)`"""
    keys = hub.folder.parent / "keys.json"
    made = hub.json("backup", "create", "--with-data", "--keys", keys, *options)
    return Path(made["file"]), keys


def test_a_fresh_hub_becomes_the_one_that_was_saved(any_machine, tmp_path):
    first = filled(any_machine("first"))
    backup, keys = saved(first, "--verify")
    assert backup.stat().st_mode & 0o777 == keys.stat().st_mode & 0o777 == 0o600
    assert b"very-secret" not in backup.read_bytes() and b"in-the-folder" not in backup.read_bytes()
    key = (first.folder / "encryption_key").read_text().strip()
    assert key.encode() not in backup.read_bytes()

    second = any_machine("second")
    told = second.json("restore", backup, "--keys", keys, "--with-data", "--definitions", tmp_path / "definitions")
    assert told["data"] == ["shop"] and told["definitions"] == 2
    assert (tmp_path / "definitions" / "shop" / "Procfile").read_text() == PROCFILE
    rows = second.folder / "stacks" / "shop" / "data" / "rows.txt"
    assert rows.read_text() == "kept" and rows.stat().st_mode & 0o777 == 0o640

    for question in (["project", "list"], ["task", "list"]):
        assert second.json(*question) == first.json(*question)
    assert second.shell(LOAD) == "{'PASSWORD': 'very-secret'}"
    for name in ("hub_id", "node", "secret_key", "encryption_key"):
        assert (second.folder / name).read_text() == (first.folder / name).read_text()
    events = "from events.models import Event; print(Event.objects.order_by('-timestamp')[0].subject)"
    assert second.shell(events) == f"hub.{told['hub_id']}.backup.restored"


def test_what_cannot_be_restored_changes_nothing(first, machine, tmp_path):
    backup, keys = saved(first)
    second = machine("second")
    second.done("migrate", "-v0")
    before = second.files()
    cut, changed = tmp_path / "cut.tar", tmp_path / "changed.tar"
    whole = backup.read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    # One bit of the database.
    place = whole.index(b"database", whole.index(b"ustar", 600)) + 5000
    changed.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1:])
    attempts = {
        ("restore", backup): "The encryption key does not belong to this backup",
        ("restore", backup, "--keys", backup): "is no file of keys",
        ("restore", backup, "--keys", tmp_path / "none.json"): "none.json cannot be read",
        ("restore", cut, "--keys", keys): "cut",
        ("restore", changed, "--keys", keys): "was changed or is damaged",
        ("restore", tmp_path / "nowhere.tar"): "nowhere.tar cannot be read",
        ("restore", stack := tmp_path / "shop" / "Procfile"): f"{stack} is no backup of Hub",
        ("backup", "verify", changed): "was changed or is damaged",
    }
    told = second.attempts(list(attempts))
    assert [code for code, _ in told] == [2] * len(attempts)
    for (command, expected), (_, said) in zip(attempts.items(), told, strict=True):
        assert expected in said, command
    assert second.files() == before
    assert second.json("project", "list") == []


def test_a_hub_in_use_is_replaced_only_when_it_is_said(first, machine):
    backup, _ = saved(first)
    stack = first.folder.parent / "shop"
    first.done("project", "add", stack, "--name", "Later")
    assert "is in use" in first.refused("restore", backup)
    told = first.json("restore", backup, "--replace")
    assert [one["name"] for one in first.json("project", "list")] == ["Shop"]
    if not first.database:
        assert Path(told["old_database"]).stat().st_size > 100_000
    assert "holds data already" in first.refused("restore", backup, "--replace", "--with-data")


def test_a_backup_of_a_newer_hub_is_refused(first, machine):
    first.shell(FUTURE)
    backup, keys = saved(first)
    second = machine("second")
    said = second.refused("restore", backup, "--keys", keys)
    assert "newer Hub" in said and "tasks.9999_from_the_future" in said and "Upgrade Hub first" in said


def test_it_is_one_moment_while_others_write(any_machine):
    """Two rows are always written in one transaction: a backup has both or none."""
    first, second = any_machine("first"), any_machine("second")
    first.done("migrate", "-v0")
    with first.started("shell", "--no-imports", "-c", PAIRS) as writer:
        assert writer.stdout.readline() == b"written\n"
        backup = Path(first.json("backup", "create", "--verify")["file"])
        assert writer.poll() is None
        writer.kill()
    second.extra["HUB_ENCRYPTION_KEY"] = (first.folder / "encryption_key").read_text()
    second.done("restore", backup)
    ones, twos = json.loads(second.shell(COUNT))
    assert ones == twos > 0


def test_old_ones_go_and_the_newest_stays(tmp_path):
    hub = Machine(tmp_path / "data")
    hub.done("migrate", "-v0")
    folder = hub.folder / "backups"
    folder.mkdir()
    name = (hub.folder / "hub_id").read_text().strip()
    for day in range(1, 6):
        (folder / f"hub-{name}-2026010{day}T030000Z.tar").write_bytes(b"old")
    (folder / "hub-another-20260101T030000Z.tar").write_bytes(b"of another Hub")
    (folder / "notes.txt").write_text("mine")
    made = hub.json("backup", "create", "--keep", "3")
    assert len(made["removed"]) == 3
    left = [Path(one["file"]).name for one in hub.json("backup", "list")]
    assert left == [Path(made["file"]).name, f"hub-{name}-20260105T030000Z.tar", f"hub-{name}-20260104T030000Z.tar",
                    "hub-another-20260101T030000Z.tar"]
    assert (folder / "notes.txt").exists()
    told = hub.attempts([("backup", "create", "--keep", "0"), ("backup", "create", "--to", folder / "notes.txt")])
    assert [code for code, _ in told] == [2, 2]
    assert "keep one at least" in told[0][1] and "cannot be written" in told[1][1]
