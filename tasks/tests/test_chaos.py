"""A small and seeded part of what `bin/bench chaos` does in full."""

from __future__ import annotations

from conftest import process_environment
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
