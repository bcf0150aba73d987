"""A small and seeded part of what `bin/bench chaos` does in full."""

from __future__ import annotations

from conftest import process_environment
from tasks.tests.fire.chaos import VICTIMS, Chaos


def test_whoever_is_killed_every_task_ends_once(transactional_db, redis_server, tmp_path):
    redis_server.client().flushall()
    chaos = Chaos(tmp_path, process_environment(), redis_server, seed=20261122)
    try:
        verdict = chaos.run(150, pause=0.7, patience=60)
    finally:
        for log in tmp_path.glob("*.log"):
            print(f"--- {log.name}\n{log.read_text()[-8000:]}")
        redis_server.client().flushall()
    print(verdict)
    assert verdict.holds, str(verdict)
    assert set(verdict.kills) == set(VICTIMS) and verdict.cancels >= 5
    # Only those that must not be repeated may fail, and only those that were cancelled are.
    assert verdict.ended["succeeded"] >= 120 and verdict.ended["cancelled"] <= verdict.cancels
