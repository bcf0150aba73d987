"""A million tasks as a file: how long it takes, and how much more memory the web process needs."""

from __future__ import annotations

import tempfile
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import psutil

from bench.figures import Figure, at_most
from bench.hub import running_hub, settle_down
from bench.postgresql import postgresql
from bench.size import Size
from hub.tests.system.running_hub import RunningHub

MIB = 1 << 20
# Rows like those that Hub writes, made by the database itself. What is derived from tasks is not exported: no trigger.
FILL = """
import sys
from datetime import timedelta
from django.db import connection
from django.utils import timezone
from tasks.models import Task
now = timezone.now()
one = Task.objects.create(job="demo.sleep", title="Sleep for 1 s", state="succeeded", actor="bench",
    params={{"seconds": 1}}, queued_at=now, started_at=now, finished_at=now + timedelta(seconds=1))
names = [field.column for field in Task._meta.concrete_fields if field.column != "id"]
others = ", ".join(f'"{{name}}"' for name in names)
with connection.cursor() as cursor:
    if connection.vendor == "postgresql":
        cursor.execute("ALTER TABLE tasks_task DISABLE TRIGGER USER")
        cursor.execute("SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'tasks_task'::regclass "
                       "AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)")
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX {{name}}")
        cursor.execute(f"INSERT INTO tasks_task (id, {{others}}) SELECT lpad(to_hex(i), 32, '0')::uuid, {{others}} "
                       "FROM generate_series(1, {count}) AS n(i), tasks_task WHERE id = %s", [one.pk])
        cursor.execute("ANALYZE tasks_task")
    else:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE tbl_name = 'tasks_task' AND sql IS NOT NULL "
                       "AND type IN ('index', 'trigger')")
        for name, sql in cursor.fetchall():
            cursor.execute(f"DROP {{'TRIGGER' if 'TRIGGER' in sql[:20].upper() else 'INDEX'}} \\"{{name}}\\"")
        cursor.execute(f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "
                       f"INSERT INTO tasks_task (id, {{others}}) SELECT printf('%032x', i), {{others}} "
                       "FROM n, tasks_task WHERE id = %s", [one.pk.hex])
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
"""


def run(size: Size) -> list[Figure]:
    """On both databases, as CSV and as JSON, each by a new process, and by a task."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as scratch, postgresql(Path(scratch)) as url:
        return [*_rounds("SQLite", size.listed), *(_rounds("PostgreSQL", size.listed, DATABASE_URL=url) if url else [])]


def _rounds(database: str, count: int, **environment: str) -> list[Figure]:
    with running_hub(**environment) as hub:
        hub.manage("shell", "-c", FILL.format(count=count))
        found = [figure for kind in ("csv", "json") for figure in _export(hub, kind, count)]
        return [replace(one, name=f"{database}: {one.name}") for one in [*found, _by_task(hub, count)]]


def _by_task(hub: RunningHub, expected: int) -> Figure:
    began = time.monotonic()
    export = hub.post("/api/analytics/exports", {"query": "dataset=tasks", "format": "csv"}).body

    def state() -> dict:
        return hub.get(f"/api/analytics/exports/{export['id']}").body

    hub.until(lambda: state()["state"] not in ("queued", "running"), 300, "The export is not made")
    found = state()
    assert found["state"] == "made" and found["rows"] >= expected, found
    took, size = time.monotonic() - began, 0
    request = urllib.request.Request(f"{hub.address}{found['url']}", headers={"Authorization": f"Bearer {hub.key}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        while part := answer.read(1 << 20):
            size += len(part)
    assert size == found["size"], f"{size:,} bytes of {found['size']:,}"
    return Figure(f"{expected:,} tasks as CSV by a task", took, "s", at_most(60),
                  f"{size / MIB:,.0f} MiB, fetched in {time.monotonic() - began - took:.1f} s more")


def _export(hub: RunningHub, kind: str, expected: int) -> list[Figure]:
    hub.kill("web")
    hub.until(lambda: hub.get("/health/ready").status == 200, 60, "The web does not come back")
    hub.get("/api/tasks?limit=1")
    assert hub.get("/api/analytics/export?dataset=events&format=csv").status == 200
    settle_down()
    web = psutil.Process(hub.children()["web"])
    processes = [web, *web.children(recursive=True)]
    before, most, lines, began = _memory(processes), 0, 0, time.monotonic()
    worked = _worked(processes)
    request = urllib.request.Request(f"{hub.address}/api/analytics/export?dataset=tasks&format={kind}",
                                     headers={"Authorization": f"Bearer {hub.key}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        while part := answer.read(1 << 20):
            lines += part.count(b"\n")
            most = max(most, _memory(processes))
    took = time.monotonic() - began
    note = f"{lines:,} lines; {_worked(processes) - worked:.1f} s of processor time of the web"
    assert lines >= expected, f"{lines:,} lines of {expected:,}"
    return [Figure(f"{expected:,} tasks as {kind.upper()}", took, "s", at_most(60), note),
            Figure(f"more memory of the web meanwhile, {kind.upper()}", (most - before) / MIB, "MiB", at_most(50),
                   f"from {before / MIB:.0f} MiB")]


def _worked(processes: list[psutil.Process]) -> float:
    return sum(sum(one.cpu_times()[:2]) for one in processes)


def _memory(processes: list[psutil.Process]) -> int:
    return sum(one.memory_info().rss for one in processes)
