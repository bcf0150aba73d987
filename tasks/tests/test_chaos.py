"""A small and seeded part of what `bin/bench chaos` does in full, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys

from conftest import REPOSITORY, process_environment
from tasks.tests.fire.chaos import CHILDREN, VICTIMS, Chaos


def test_whoever_is_killed_every_task_ends_once(transactional_db, redis_server, tmp_path):
    redis_server.client().flushall()
    chaos = Chaos(tmp_path, process_environment(), redis_server, seed=20261122)
    try:
        verdict = chaos.run(240, pause=0.3, patience=60, most_kills=12)
    finally:
        for log in tmp_path.glob("*.log"):
            print(f"--- {log.name}\n{log.read_text()[-8000:]}")
        redis_server.client().flushall()
    print(verdict)
    assert verdict.holds, str(verdict)
    assert set(verdict.kills) == set(VICTIMS) and verdict.cancels >= 5
    # Who is cancelled while it waits for its children takes these along.
    assert verdict.ended["succeeded"] >= 200 and verdict.ended["cancelled"] <= verdict.cancels * (1 + CHILDREN)


def test_on_postgresql_too_every_task_ends_once(postgres_url):
    environ = {**os.environ, "DATABASE_URL": postgres_url}
    del environ["DJANGO_SETTINGS_MODULE"]  # it sets its own, for a folder of its own
    command = [sys.executable, "-m", "bench.chaos", "160", "20261122", "--pause", "0.15", "--kills", "8"]
    done = subprocess.run(command, cwd=REPOSITORY, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout
    verdict = next(line for line in done.stdout.splitlines() if line.startswith("Holds: 160 tasks"))
    killed = verdict.partition("killed: ")[2]
    assert "· postgresql" in done.stdout and all(f"× {victim}" in killed for victim in VICTIMS), verdict
