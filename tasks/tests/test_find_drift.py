"""Database and queue are compared, by people and by the rescuer; what was put right is counted."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import execute_from_command_line
from django.db import connection
from django.utils import timezone

from accounts.tests.people import signed_in
from tasks import queue
from tasks.actions import enqueue
from tasks.drift.comparison import SHOWN, compare
from tasks.drift.counts import count, counts
from tasks.drift.models import Repair
from tasks.jobs import Sleep
from tasks.models import Task
from tasks.rescue import Rescuer
from tasks.tests import jobs


@pytest.fixture
def command(transactional_db, capsys):
    """`command("--repair")` → (exit code, standard output, standard error)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            execute_from_command_line(["manage.py", "task", "drift", *arguments])
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def drifted(trial_workers, redis_server, said, eventually) -> dict[str, str]:
    """One of each kind: a lost task, a running one whose worker was killed, and two jobs without a waiting task."""
    (worker,) = trial_workers()
    dead = enqueue(jobs.Patient, {"file": str(said)})
    eventually(lambda: "began" in said.read_text())
    worker.kill()
    lost = enqueue(Sleep, {"seconds": 1})
    ended = enqueue(Sleep, {"seconds": 2})
    Task.objects.filter(pk=ended.pk).update(state="succeeded", finished_at=timezone.now())
    redis_server.client().lrem(f"rq:queue:{lost.queue}", 0, str(lost.pk))
    redis_server.client().rpush("rq:queue:hub:reports:3", "no-task-at-all")
    found = {"dead": str(dead.pk), "lost": str(lost.pk), "ended": str(ended.pk)}
    eventually(lambda: len(compare().findings) == 4)
    return found


def test_every_kind_is_seen_and_nothing_is_touched_by_looking(drifted, command):
    kinds = {(finding.kind, finding.id) for finding in compare().findings}
    assert kinds == {("dead", drifted["dead"]), ("lost", drifted["lost"]), ("stray", drifted["ended"]),
                     ("stray", "no-task-at-all")}  # fmt: skip
    code, out, error = command("--json")
    assert code == 1 and "4 do not fit" in error
    assert {(row["kind"], row["id"]) for row in json.loads(out)["findings"]} == kinds
    assert Task.objects.get(pk=drifted["dead"]).state == "running" and not Repair.objects.exists()
    assert queue.known().waiting == {drifted["ended"], "no-task-at-all"}


def test_repair_puts_it_right_and_counts_it(drifted, command):
    code, out, _ = command("--repair")
    assert code == 0 and "Database and queue agree." in out and "1 lost, 1 dead, 2 stray" in out
    assert Task.objects.get(pk=drifted["dead"]).state == "failed"
    assert queue.known().waiting == {drifted["lost"]}
    assert {row["kind"]: (row["count"], row["today"]) for row in counts()} == {
        "lost": (1, 1), "dead": (1, 1), "stray": (2, 2),
    }  # fmt: skip
    assert json.loads(command("--json")[1])["repaired"][0]["count"] == 1


def test_the_rescuer_of_watch_does_the_same_within_seconds_and_counts_too(drifted, rescued):
    rescued(lambda: not compare().findings, timeout=10)
    assert sum(row["count"] for row in counts()) == 4


def test_the_page_shows_it_and_puts_it_right(drifted):
    admin = signed_in("admin")
    page = admin.get("/tasks/drift/").text
    assert f"/tasks/{drifted['dead']}/" in page and "no-task-at-all" in page and "its task succeeded" in page
    assert "no-task-at-all" in admin.get("/tasks/drift/findings/").text
    done = admin.post("/tasks/drift/repair/", follow=True).text
    assert "Database and queue agree" in done and "attempt 1 died" in done and "2 today" in done


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_admins_see_it(role):
    client = signed_in(role)
    assert client.get("/tasks/drift/").status_code == 403
    assert client.post("/tasks/drift/repair/").status_code == 403
    assert "/tasks/drift/" not in client.get("/tasks/").text


@pytest.mark.django_db(transaction=True)
def test_without_redis_the_page_and_the_command_say_so(redis_server, command):
    redis_server.kill()
    try:
        assert "Redis does not answer" in signed_in("admin").get("/tasks/drift/").text
        code, _, error = command()
        assert code == 1 and "Redis does not answer" in error
    finally:
        redis_server.start()


@pytest.mark.django_db(transaction=True)
def test_what_fits_is_not_found(redis_server):
    redis_server.client().flushall()
    enqueue(Sleep, {"seconds": 1})
    Rescuer().rescue()
    assert compare().findings == () and not Repair.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_more_than_are_shown_are_counted_too(redis_server, command):
    redis_server.client().flushall()
    redis_server.client().rpush("rq:queue:hub:reports:3", *(f"stray-{number}" for number in range(SHOWN + 7)))
    found = compare()
    assert (found.number, len(found.findings)) == (SHOWN + 7, SHOWN)
    page = signed_in("admin").get("/tasks/drift/").text
    assert f'<span class="v">{SHOWN + 7}</span>' in page and f"of {SHOWN + 7} in all" in page
    code, out, error = command()
    assert code == 1 and "... and 7 more" in out and f"{SHOWN + 7} do not fit" in error
    assert json.loads(command("--json")[1])["number"] == SHOWN + 7
    redis_server.client().flushall()


@pytest.mark.django_db(transaction=True)
def test_counts_of_many_rescuers_add_up():
    def add(_: int) -> None:
        try:
            count(Repair.Kind.LOST, 2)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(20)))
    assert Repair.objects.get().count == 40
