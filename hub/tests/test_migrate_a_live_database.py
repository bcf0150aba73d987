"""A database is migrated while others use it: nobody waits long behind a change, and a change that cannot be made says
so, and is made the next time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection, migrations, models
from django.db.migrations.state import ModelState, ProjectState

from events.operations import AddIndexConcurrently
from hub.migrating import EXIT_LATER

ROOT = Path(__file__).parents[2]
READS = "SELECT count(*) FROM projects_project"


@pytest.fixture
def live(postgres_url, tmp_path) -> Iterator[dict[str, str]]:
    """The environment of a Hub on an empty database of its own."""
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS live WITH (FORCE)")
        admin.execute("CREATE DATABASE live")
        url = f"{postgres_url.rpartition('/')[0]}/live"
        yield {**os.environ, "HUB_DATA": str(tmp_path), "DATABASE_URL": url}
        admin.execute("DROP DATABASE live WITH (FORCE)")


def migrated(env: dict[str, str], to: str) -> subprocess.CompletedProcess:
    with begun(env, to) as process:
        out, errors = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


def begun(env: dict[str, str], to: str) -> subprocess.Popen:
    command = [sys.executable, "manage.py", "migrate", "projects", to, "--lock-timeout=0.3", "--tries=3"]
    return subprocess.Popen(command, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def test_a_long_transaction_holds_up_the_change_and_no_reader(live):
    url = live["DATABASE_URL"]
    assert (found := migrated(live, "0005")).returncode == 0, found.stderr
    with psycopg.connect(url) as holder, psycopg.connect(url, autocommit=True) as reader:
        holder.execute(READS)
        # Behind a change that waits without an end, a read would be cut off here.
        reader.execute("SET statement_timeout = '30s'")
        with begun(live, "0006") as process:
            reads, deadline = 0, time.monotonic() + 300
            while process.poll() is None and time.monotonic() < deadline:
                reader.execute(READS)
                reads += 1
                time.sleep(0.02)
            assert process.poll() == EXIT_LATER, process.communicate()
            said = process.stderr.read()
            assert "held it" in said and f"(pid {holder.info.backend_pid}," in said and "Traceback" not in said
        assert reads
        assert not _columns(reader) & {"adopted"}
        holder.rollback()
    assert migrated(live, "0006").returncode == 0
    with psycopg.connect(url) as reader:
        assert "adopted" in _columns(reader)


def _columns(reader: psycopg.Connection) -> set[str]:
    return {name for (name,) in reader.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'projects_project'")}


@pytest.mark.django_db(transaction=True)
def test_an_index_of_a_table_in_use_is_made_here_too():
    """On the database of the tests; for a PostgreSQL in use see below."""
    index = models.Index(fields=["title"], name="task_title_here")
    before, after = _states(index)
    operation = AddIndexConcurrently("task", index)
    with connection.schema_editor(atomic=False) as editor:
        operation.database_forwards("tasks", editor, before, after)
        names = connection.introspection.get_constraints(connection.cursor(), "tasks_task")
        operation.database_backwards("tasks", editor, after, before)
    assert index.name in names


def test_an_index_that_was_half_made_is_made_anew_and_a_whole_one_kept(live):
    """As after a `kill -9` while it was made, or before that was written down."""
    script = (
        "import django; django.setup()\n"
        "from django.db import connection, models\n"
        "from events.operations import AddIndexConcurrently\n"
        "from hub.tests.test_migrate_a_live_database import _states\n"
        "for name in ('new', 'broken', 'whole'):\n"
        "    index = models.Index(fields=['title'], name=name)\n"
        "    before, after = _states(index)\n"
        "    with connection.schema_editor(atomic=False) as editor:\n"
        "        AddIndexConcurrently('task', index).database_forwards('tasks', editor, before, after)\n"
    )
    indexes = "SELECT relname, oid, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid " \
              "WHERE relname IN ('new', 'broken', 'whole')"
    with psycopg.connect(live["DATABASE_URL"], autocommit=True) as database:
        database.execute("CREATE TABLE tasks_task (id uuid PRIMARY KEY, title text)")
        database.execute("CREATE INDEX broken ON tasks_task (title)")
        database.execute("CREATE INDEX whole ON tasks_task (title)")
        database.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass")
        before = {name: oid for name, oid, _ in database.execute(indexes)}
        run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False,
                             env={**live, "DJANGO_SETTINGS_MODULE": "hub.settings"})
        assert run.returncode == 0, run.stderr
        after = {name: (oid, valid) for name, oid, valid in database.execute(indexes)}
    assert sorted(after) == ["broken", "new", "whole"] and all(valid for _, valid in after.values())
    assert after["whole"][0] == before["whole"] and after["broken"][0] != before["broken"]


def _states(index: models.Index) -> tuple[ProjectState, ProjectState]:
    """A small `tasks.Task` before and after it has the index."""
    before = ProjectState()
    before.add_model(ModelState("tasks", "Task", [
        ("id", models.UUIDField(primary_key=True)), ("title", models.TextField())], {"indexes": []}))
    after = before.clone()
    migrations.AddIndex("task", index).state_forwards("tasks", after)
    return before, after
