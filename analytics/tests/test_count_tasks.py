"""Every task that ends is in the roll-ups once, whatever dies, comes late or is pruned meanwhile."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from analytics import counting, readings, rollups
from analytics.models import DAY, HOUR, QUARTER, Bucket, Reading, Removed, Series, Uncounted
from analytics.readings import Seen
from analytics.recounting import first_day, verify
from analytics.rollups import WIDTHS
from analytics.tests.history import end, some, waiting
from conftest import REPOSITORY, process_environment
from tasks.models import Task
from tasks.retention.pruning import older_than, prune

pytestmark = pytest.mark.django_db
COUNTER = """
import django; django.setup()
from analytics import counting
counting.BATCH = 7
print("begun", flush=True)
while True:
    counting.count_all()
"""


@pytest.fixture(autouse=True)
def nothing_was_removed_before(db):
    """What ends a test with transactions deletes its tasks, which SQLite's trigger notes as removed: perhaps after it
    has emptied the table of these notes."""
    Removed.objects.all().delete()


def counted(width: int = DAY, dimension: str = "all", **more) -> int:
    rows = Bucket.objects.filter(series__dimension=dimension, width=width, **more)
    return rows.aggregate(number=Sum("count"))["number"] or 0


def seen(value: float) -> Seen:
    one = Seen()
    one.see(value, spread=True)
    return one


def differences() -> list[str]:
    return [str(one) for one in verify(first_day(), timezone.now().date())]


def test_a_task_that_ends_is_counted_once_in_every_dimension_and_width():
    now = timezone.now()
    task = waiting(random.Random(1), now - timedelta(seconds=10), subject="projects.project:7", job="mail.send")
    end(task, now, run=timedelta(seconds=4), worker="studio-1")
    assert counting.count_all() == 1
    assert counting.count_all() == 0
    for width in WIDTHS:
        assert counted(width, "total", series__state="") == 1
        for dimension, key in (("all", ""), ("job", "mail.send"), ("lane", task.lane), ("project", "7"),
                               ("worker", "studio-1"), ("operation", "7/mail.send"),
                               ("priority", str(task.priority))):  # fmt: skip
            assert counted(width, dimension, series__key=key, series__state="succeeded") == 1
    bucket = Bucket.objects.get(series__dimension="all", width=DAY)
    assert (bucket.wait_sum, bucket.run_sum, bucket.busy) == (6_000_000, 4_000_000, 4_000_000)


def test_what_ends_by_the_rules_is_noted_and_what_is_only_changed_is_not():
    task = waiting(random.Random(1), timezone.now())
    Task.objects.filter(pk=task.pk).update(priority=3)
    assert not Uncounted.objects.exists()
    end(task, timezone.now(), state="cancelled")
    Task.objects.filter(pk=task.pk).update(state="cancelled", error="later")
    assert Uncounted.objects.count() == 1
    counting.count_all()
    bucket = Bucket.objects.get(series__dimension="all", width=DAY)
    assert (bucket.count, bucket.waited, bucket.ran) == (1, 0, 0)


def test_the_wait_ends_with_the_first_attempt():
    now = timezone.now()
    task = waiting(random.Random(1), now - timedelta(seconds=100))
    end(task, now, run=timedelta(seconds=90))
    Uncounted.objects.all().delete()
    # Tried three times: from the first start to the end it were 90 s, of which it worked 12.
    first = task.attempts.get()
    first.ended_at = first.started_at + timedelta(seconds=2)
    first.save()
    for number, begin in ((2, 40), (3, 80)):
        first.pk, first.number = None, number
        first.started_at = now - timedelta(seconds=90 - begin)
        first.ended_at = first.started_at + timedelta(seconds=5)
        first._state.adding, first.id = True, type(first)._meta.pk.get_default()
        first.save()
    Task.objects.filter(pk=task.pk).update(state="running")
    Task.objects.filter(pk=task.pk).update(state="failed", finished_at=now)
    counting.count_all()
    bucket = Bucket.objects.get(series__dimension="all", width=DAY)
    assert (bucket.wait_sum, bucket.run_sum, bucket.busy) == (10_000_000, 90_000_000, 12_000_000)


@pytest.mark.parametrize("seed", range(2))
def test_roll_ups_equal_a_full_count_after_late_and_scattered_ends(seed: int):
    chance, now = random.Random(seed), timezone.now()
    for _ in range(12):
        for _ in range(chance.randrange(1, 12)):
            some(chance, now, chance.choice((0.1, 6, 95, 150)))
        if chance.random() < 0.5:
            counting.count_some()
        if chance.random() < 0.3:  # a pass that is cut off half-way
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                counting.count_some()
                1 / 0  # noqa: B018
    counting.count_all()
    assert differences() == []
    assert counted() == Task.objects.count() == sum(
        Bucket.objects.filter(series__dimension="lane", width=DAY).values_list("count", flat=True))


def test_a_day_that_was_pruned_keeps_its_counts_and_is_not_made_anew():
    chance, now = random.Random(5), timezone.now()
    kept = [some(chance, now, 1) for _ in range(6)]
    long_ago = now - timedelta(days=30)
    for number in range(5):
        task = waiting(chance, long_ago)
        end(task, long_ago + timedelta(seconds=number), run=timedelta(seconds=1))
        if number == 2:
            counting.count_all()  # of three; two are pruned before they are counted
    assert prune(older_than(now - timedelta(days=29))) == 5
    counting.count_all()
    assert counted() == 11 and Task.objects.count() == len(kept)
    assert Removed.objects.get().number == 5
    call_command("analytics", "rebuild", "--since", "40d")
    assert counted() == 11
    assert [str(one) for one in verify(long_ago.date(), now.date())] == []
    Bucket.objects.filter(series__dimension="all", width=DAY, start__lt=long_ago.timestamp()).update(count=9)
    (found,) = verify(long_ago.date(), now.date())
    assert "should be 5 (0 are there, 5 were removed)" in str(found)


def test_verify_names_what_differs_and_rebuild_mends_it(capsys):
    chance, now = random.Random(9), timezone.now()
    for _ in range(20):
        some(chance, now, 3)
    counting.count_all()
    call_command("analytics", "verify")
    bucket = Bucket.objects.filter(series__dimension="job", width=HOUR).first()
    Bucket.objects.filter(pk=bucket.pk).update(count=bucket.count + 3)
    with pytest.raises(CommandError) as error:
        call_command("analytics", "verify")
    assert error.value.returncode == 1
    assert f"count is {bucket.count + 3}, should be {bucket.count}" in capsys.readouterr().out
    call_command("analytics", "rebuild")
    call_command("analytics", "verify")
    for wrong in (["--since", "soon"], ["--since", "2999-01-01"], ["--until", "2999-01-01"]):
        with pytest.raises(CommandError) as error:
            call_command("analytics", "verify", *wrong)
        assert error.value.returncode == 2


def test_minutes_and_hours_go_when_their_time_is_over_and_days_stay():
    chance, now = random.Random(3), timezone.now()
    for days in (0, 6, 9, 60, 100, 120):
        end(waiting(chance, now - timedelta(days=days + 1)), now - timedelta(days=days), run=timedelta(seconds=1))
    counting.count_all()
    assert [counted(width) for width in WIDTHS] == [2, 2, 4, 6]
    assert differences() == []
    assert rollups.expire(now + timedelta(days=5)) > 0
    assert [counted(width) for width in WIDTHS] == [1, 1, 4, 6]


@pytest.mark.django_db(transaction=True)
def test_counters_that_are_killed_at_any_moment_count_each_task_once(eventually):
    """Two of them at once, killed again and again while tasks end."""
    chance, now = random.Random(11), timezone.now()
    for kills, number in ((1, 2), (2, 1)):
        counters = [subprocess.Popen([sys.executable, "-c", COUNTER], cwd=REPOSITORY, env=process_environment(),
                                     stdout=subprocess.PIPE, text=True) for _ in range(number)]
        for counter in counters:
            assert counter.stdout.readline().strip() == "begun"
        for _ in range(40):
            some(chance, now, 20)
        eventually(lambda kills=kills: counted() > 40 * (kills - 1), 30)
        for counter in counters:
            os.kill(counter.pid, signal.SIGKILL)
            counter.wait()
    counting.count_all()
    assert counted() == Task.objects.count() == 80
    assert differences() == []


def test_the_version_of_a_series_rises_when_something_is_added_to_it():
    chance, now = random.Random(2), timezone.now()
    end(waiting(chance, now, job="mail.send"), now, run=timedelta(seconds=1))
    counting.count_all()
    before = dict(Series.objects.values_list("key", "version").filter(dimension="job"))
    end(waiting(chance, now, job="images.resize"), now, run=timedelta(seconds=1))
    counting.count_all()
    after = dict(Series.objects.values_list("key", "version").filter(dimension="job"))
    assert after["mail.send"] == before["mail.send"] < after["images.resize"]


def test_a_day_ends_at_midnight_in_utc():
    midnight = datetime(2026, 3, 1, tzinfo=UTC)
    for moment in (midnight - timedelta(microseconds=1), midnight):
        end(waiting(random.Random(2), moment - timedelta(seconds=9)), moment, run=timedelta(seconds=1))
    counting.count_all()
    starts = Bucket.objects.filter(series__dimension="all", width=DAY).values_list("start", flat=True)
    assert sorted(starts) == [midnight.timestamp() - DAY, midnight.timestamp()]


def test_a_hub_from_before_quarters_and_totals_gets_them_from_what_it_has():
    chance, now = random.Random(6), timezone.now()
    for _ in range(60):
        some(chance, now, 6)
    counting.count_all()
    readings.keep({("request", "some:view"): seen(0.5)}, now)
    expected = list(Reading.objects.filter(width=QUARTER).values_list("key", "start", *readings.COLUMNS))
    for model in (Bucket, Reading):
        model.objects.filter(width=QUARTER).delete()
    Series.objects.filter(dimension="total").delete()
    assert differences() != []
    for _ in range(2):  # again is the same
        import_module("analytics.migrations.0002_quarters_and_totals").fill(apps, None)
        assert differences() == []
        assert list(Reading.objects.filter(width=QUARTER).values_list("key", "start", *readings.COLUMNS)) == expected
