"""`python -m bench.analytics_rounds TASKS ROUNDS`: the measurements behind `bench.analytics`, on DATABASE_URL's
database, which is emptied before. Prints them as one line of JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "hub.settings"
django.setup()

from django.conf import settings  # noqa: E402 - Django has to be set up before
from django.contrib.auth import get_user_model  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from analytics import caching, counting, queries  # noqa: E402
from analytics.measures import lengths  # noqa: E402
from analytics.models import Uncounted  # noqa: E402
from analytics.ranges import asked  # noqa: E402
from bench.figures import median  # noqa: E402
from bench.years import generate  # noqa: E402
from hub.launch.redis_server import answers, command  # noqa: E402

WAITING = 100


def main(tasks: int, rounds: int) -> dict[str, list]:
    """Of each measurement its median in milliseconds and a note; of `rows` how many buckets there are."""
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}  # fmt: skip
    call_command("migrate", verbosity=0)
    call_command("flush", interactive=False, verbosity=0)
    rows = generate(tasks, timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    person = get_user_model().objects.create_superuser("bench", password=None)
    client = Client()
    client.force_login(person, backend=settings.AUTHENTICATION_BACKENDS[0])

    def page(path: str, *, cold: bool) -> None:
        if cold:
            caching.forget()
            cache.clear()
        assert client.get(path).status_code == 200, path

    range_of_90_days = asked("90d", "", timezone.now())

    def chart() -> None:
        for total in queries.trend(range_of_90_days, spreads=["run"]):
            lengths(total, "run")

    with _redis():
        return {
            "rows": [rows, ""],
            "cold": _median(lambda: page("/analytics/", cold=True), rounds),
            "warm": _median(lambda: page("/analytics/", cold=False), rounds),
            "chart": _median(chart, rounds),
            "jobs": _median(lambda: page("/analytics/jobs/", cold=True), rounds),
            "pass": _median(counting.keep_up, rounds, _some_end),
        }


@contextmanager
def _redis() -> Iterator[None]:
    """The one that a Hub with this data folder would have."""
    process = subprocess.Popen(command(settings.HUB_DATA), stdout=subprocess.DEVNULL)
    try:
        while not answers(settings.HUB_DATA):
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def _some_end() -> None:
    """So many tasks end, as many as a busy Hub's would in a second."""
    now = timezone.now()
    Uncounted.objects.bulk_create(
        Uncounted(task=f"{number:032x}", job=f"job.{number % 10}", lane="default", priority=5, state="succeeded",
                  subject=f"projects.project:{number}" if number % 2 else "", worker="studio.1", busy=5_000_000,
                  created_at=now - timedelta(seconds=9), ready_at=now - timedelta(seconds=9),
                  started_at=now - timedelta(seconds=5), finished_at=now) for number in range(WAITING))


def _median(act: Callable[[], None], rounds: int, before: Callable[[], None] = lambda: None) -> list:
    took, cost = [], []
    for _ in range(rounds + 1):
        before()
        began, worked = time.perf_counter(), time.process_time()
        act()
        took.append((time.perf_counter() - began) * 1000)
        cost.append((time.process_time() - worked) * 1000)
    return [median(took[1:]), f"longest {max(took[1:]):.1f} ms, {median(cost[1:]):.1f} ms of processor time here"]


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
