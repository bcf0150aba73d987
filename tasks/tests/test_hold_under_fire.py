"""Small parts of what `bin/bench fire` does in full: cancels, deaths, roll-backs, floods and clean-ups beside real
workers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bench.figures import p95
from conftest import process_environment
from tasks.ageing import longest_wait
from tasks.tests.fire import cancels, cleanup, floods, rescues, rollbacks
from tasks.tests.fire.fleet import Fleet


@pytest.fixture
def fleet(transactional_db, redis_server, tmp_path):
    """`with fleet(2) as ...`: two workers and a `watch`; `fleet.folder` and `fleet.environ` for who brings its own."""
    redis_server.client().flushall()

    def make(workers: int = 1) -> Fleet:
        return Fleet(tmp_path, process_environment(), [("default",)] * workers)

    make.folder, make.environ = tmp_path, process_environment()
    yield make
    for log in tmp_path.glob("*.log"):
        print(f"--- {log.name}\n{log.read_text()[-8000:]}")
    redis_server.client().flushall()


def test_a_cancelled_task_that_waits_never_starts(fleet):
    with fleet(2) as workers:
        workers.until_ready()
        seen = cancels.races(120)
    assert seen.started == 0 and seen.failed == 0, seen
    # Each side has won often enough for races to have taken place.
    assert seen.waiting >= 10 and seen.running + seen.late >= 10, seen


def test_a_running_task_stops_in_two_seconds_with_all_that_it_has_begun(fleet):
    with fleet(1) as workers:
        workers.until_ready()
        seen = cancels.stops(fleet.folder / "said", 5)
    assert p95(seen.seconds) <= 2 and set(seen.states) == {"cancelled"}, seen


def test_what_is_rolled_back_leaves_nothing_however_it_was_asked_for(fleet):
    with fleet(2) as workers:
        workers.until_ready()
        seen = rollbacks.run(workers, 300)
    assert (seen.ghosts, seen.lost, seen.cries) == (0, 0, 0), seen
    assert set(seen.kept) == set(seen.undone) == set(rollbacks.WAYS) and seen.undone.total() >= 100


def test_after_kill_9_work_goes_on_within_seconds(fleet):
    with fleet(3) as workers:
        seen = rescues.rescues(workers, 4)
    assert all(len(values) == 2 for values in seen.seconds.values()) and seen.twice == 0
    assert p95(seen.all) <= 10, seen


def test_when_redis_is_emptied_a_thousand_that_wait_and_four_that_run_are_not_lost(fleet, redis_server):
    with fleet(4) as workers:
        seen = rescues.flush(workers, redis_server, 1000, lane="reports")
    assert seen.running == {("succeeded", 1): 4} and seen.waiting == {("queued", 0): 1000}, seen
    assert redis_server.client().llen("rq:queue:hub:reports:5") == 1000  # each of them once


def test_tasks_start_in_the_order_of_their_priority(fleet):
    assert floods.misplaced(fleet.folder, fleet.environ, 200) == 0


def test_a_low_task_starts_within_the_bound_under_a_flood_of_high_ones(fleet, settings):
    settings.HUB_AGEING = floods.AGEING
    seen = floods.flood(fleet.folder, fleet.environ, 2)
    bound = longest_wait() + timedelta(seconds=floods.PASS + floods.AHEAD)
    assert max(seen.waits) <= bound.total_seconds(), seen
    # The flood was one: without ageing they would have started at its end.
    assert min(seen.waits) >= 6 and seen.high >= 30, seen


def test_nothing_that_succeeds_is_marked_failed_while_old_tasks_are_removed(fleet):
    seen = cleanup.run(fleet.folder, fleet.environ, 250)
    assert seen.facts == {"started": 250, "succeeded": 250} and seen.removed >= 50, seen
    assert seen.lasting == {("running", 1)}


def test_a_live_task_is_never_rescued_however_often_it_is_looked_at(fleet):
    with fleet(1) as workers:
        assert rescues.life(workers, 150) == ("running", 1, [])
