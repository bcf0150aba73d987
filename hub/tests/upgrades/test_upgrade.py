"""The databases of every version that was released, brought up to date: nothing is lost, its pages are there, and work
goes on. `make.sh` made them, by the code of that version."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
VERSIONS = sorted(path.stem for path in HERE.glob("*.keys"))
LOOK = (HERE / "look.py").read_text()
# As `make.sh` had it: the key of a data folder stays where it is when Hub is brought up to date.
ENCRYPTION_KEY = "b3ZlbnMgb2YgdGhlIGJha2VyeSBhcmUgaG90LCBhbGw="
# What migrations add to by themselves: rights of new models, schedules of ours, what search keeps.
GROWING = ("auth_", "django_", "tasks_schedule", "tasks_search", "tasks_document", "tasks_unwritten")
NEVER_EMPTY = ("tasks_task", "tasks_attempt", "tasks_logline", "events_event", "projects_project", "accounts_apikey")


@pytest.fixture
def sqlite(tmp_path) -> list[str]:
    """The addresses of the SQLite databases, one of each version."""
    paths = [tmp_path / f"{version}.sqlite3" for version in VERSIONS]
    for path in paths:
        path.write_bytes(gzip.decompress((HERE / f"{path.name}.gz").read_bytes()))
    return [f"sqlite:///{path}" for path in paths]


@pytest.fixture
def postgresql(postgres_url) -> Iterator[list[str]]:
    """The addresses of the PostgreSQL databases."""
    names = [f"upgrade_{version.replace('-', '_')}" for version in VERSIONS]
    urls = [f"{postgres_url.rpartition('/')[0]}/{name}" for name in names]
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        for version, name, url in zip(VERSIONS, names, urls, strict=True):
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            admin.execute(f"CREATE DATABASE {name}")
            dump = gzip.decompress((HERE / f"{version}.sql.gz").read_bytes())
            subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", url], input=dump, check=True,
                           stdout=subprocess.DEVNULL)
        yield urls
        for name in names:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def queue(redis_server) -> Iterator[str]:
    """The address of a Redis that has nothing in it, and is emptied."""
    url = f"unix://{redis_server.socket}?db=9"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_databases_of_older_versions_go_on(request, kind, queue, tmp_path):
    urls = request.getfixturevalue(kind)
    prefix = "sqlite:///" if kind == "sqlite" else urls[0].rpartition("/")[0] + "/"
    databases = [(url.removeprefix(prefix), _key(version, kind)) for url, version in zip(urls, VERSIONS, strict=True)]
    environment = {
        **os.environ, "DATABASE_URL": urls[0], "REDIS_URL": queue, "HUB_DATA": str(tmp_path), "HUB_ID": "old",
        "HUB_NODE": "old", "HUB_ENCRYPTION_KEY": ENCRYPTION_KEY, "OLD_DATABASES": json.dumps(databases),
    }  # fmt: skip
    run = subprocess.run([sys.executable, "manage.py", "shell", "--no-imports", "-c", LOOK], cwd=ROOT, env=environment,
                         capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    found = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    assert found[0]["migrated"]
    for version, seen in zip(VERSIONS, found, strict=True):
        _goes_on(version, seen)


def _goes_on(version: str, seen: dict) -> None:
    assert seen["left"] == 0 and seen["broken"] == [], version
    before = {table: count for table, count in seen["before"].items() if not table.startswith(GROWING)}
    assert all(before[table] for table in NEVER_EMPTY), (version, before)
    assert {table: seen["after"].get(table) for table in before} == before, version
    assert seen["after"]["auth_user"] == seen["before"]["auth_user"] > 0, version
    assert seen["after"]["tasks_schedule"] >= seen["before"]["tasks_schedule"] > 0, version
    assert [page for page, there in seen["pages"].items() if not there] == [], version
    # The task, and the one that tried it again.
    assert seen["found"] == ["The oven went cold."] * 2, version
    assert seen["started"] == [202, "queued"], version


def _key(version: str, kind: str) -> str:
    """The API key that was made there."""
    lines = (HERE / f"{version}.keys").read_text().splitlines()
    return dict(line.split() for line in lines)[kind]


def test_there_is_a_small_database_of_each_kind():
    assert VERSIONS
    for version in VERSIONS:
        for kind in ("sqlite3", "sql"):
            assert 0 < (HERE / f"{version}.{kind}.gz").stat().st_size <= 50 * 1024
