"""`python -m bench.search_rounds TASKS ROUNDS`: the measurements behind `bench.search`, on DATABASE_URL's database.
Prints them as one line of JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "hub.settings"
django.setup()

from django.conf import settings  # noqa: E402 - Django has to be set up before
from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.http import QueryDict  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from bench.figures import median, p95  # noqa: E402
from bench.million import generate  # noqa: E402
from bench.multiples import multiply  # noqa: E402
from events.keyset import cut, last_of  # noqa: E402
from events.statements import Statement  # noqa: E402
from tasks.actions import enqueue  # noqa: E402
from tasks.filters import Filters  # noqa: E402
from tasks.jobs import Sleep  # noqa: E402
from tasks.models import Task  # noqa: E402
from tasks.search import documents  # noqa: E402
from tasks.search.filling import tidy  # noqa: E402
from tasks.search.finding import LIST, count, found_keys  # noqa: E402
from tasks.search.limits import limited  # noqa: E402
from tasks.search.places import Place  # noqa: E402

FILTERS = ("state=failed", "lane=reports", "priority=8..10", "priority=1&lane=metrics", "job=mail.send", "project=7",
           "worker=studio-3.1", "worker=nobody", "created=24h", "created=90d", "created=7d&state=failed",
           "created=2026-09-01..2026-09-20", "q=attempt:>1", "q=attempt:>5", "q=job:proj*", "q=actor:zz*",
           "q=wait:>20s",
           "q=wait:>45s", "q=run:>20m", "q=actor:nobody")
TEXTS = ("xylophone", "timeout", "connection refused", '"connection refused" -harbour', "ledger state:failed",
         "name:send gallery", "xylo*", "-timeout", "start wait:>30s")
PAIRS = ("state=failed&lane=reports", "state=cancelled&priority=10", "job=mail.send&lane=reports",
         "project=7&state=failed",
         "worker=studio-3.1&state=failed", "worker=nobody&lane=metrics", "created=2026-09-01..2026-09-20&state=failed",
         "priority=1&job=projects.copy", "created=30d&worker=studio-5.1", "state=failed&q=wait:>20s",
         "q=-state:succeeded attempt:>1", "q=run:>5m actor:key:delta")
ENQUEUES = 40
# Those that only lists and search need.
INDEXES = ("task_facets", "task_actor", "task_created", "task_misdated")
NOTHING = Statement("UPDATE tasks_lane SET name = name WHERE 1 = 0", ())


def main(tasks: int, rounds: int) -> dict[str, list]:
    """Of each measurement its number and a note: milliseconds (p95 of all rounds), and of `enqueue` how many times the
    processor time of this process that one without a document takes."""
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}  # fmt: skip
    call_command("migrate", verbosity=0)
    there = Task.objects.count()
    if not there:
        generate(tasks)
    elif 2 * there < tasks:  # those of the other database, to be multiplied
        multiply(tasks // there)
    for _ in tidy():  # as the clean-up of each night leaves it
        pass
    person, _ = get_user_model().objects.get_or_create(username="bench", is_superuser=True)
    client = Client()
    client.force_login(person, backend=settings.AUTHENTICATION_BACKENDS[0])
    # As the list itself would name it, after so many pages as page 10,000 has before it, where there are so many.
    place = Task.objects.order_by("-pk")[min(500_000, tasks // 2)]
    deep = cut(Task, [place, place], 1, False).next_cursor
    return {
        "list": _pages(client, [""], rounds),
        "deep": _pages(client, [f"cursor={deep}"], rounds),
        "filters": _pages(client, FILTERS, rounds),
        "text": _pages(client, [f"q={text}" for text in TEXTS], rounds),
        "pairs": _pages(client, PAIRS, rounds),
        "query": _p95({query: _asked(query, cursor) for query in ("", *FILTERS, *PAIRS)
                       for cursor in ("", deep)}, rounds),
        "count": _p95({query: _counted(query) for query in FILTERS}, max(1, rounds // 4)),
        "enqueue": _enqueue(rounds),
    }


def _pages(client: Client, queries: list[str] | tuple[str, ...], rounds: int) -> list:
    def ask(query: str) -> None:
        assert client.get(f"/tasks/?{query}").status_code == 200, query

    return _p95({query: lambda query=query: ask(query) for query in queries}, rounds)


def _asked(query: str, cursor: str) -> Callable:
    """The query of a page alone: no row is read as an object of Django, no page made."""
    filters = Filters.read(QueryDict(query))
    place = Place(last_of(Task, cursor, False))

    def ask() -> None:
        with limited(LIST):
            found_keys(Task.objects.all(), filters.query, place, 51)

    return ask


def _counted(query: str) -> Callable:
    filters = Filters.read(QueryDict(query))
    return lambda: count(filters.rows(), filters.query)


def _p95(acts: dict[str, Callable], rounds: int) -> list:
    seen: dict[str, list[float]] = {name: [] for name in acts}
    for name, act in acts.items():
        act()
        for _ in range(rounds):
            began = time.perf_counter()
            act()
            seen[name].append((time.perf_counter() - began) * 1000)
    worst = max(seen, key=lambda name: median(seen[name]))
    note = f"slowest: {worst}, median {median(seen[worst]):.1f} ms" if len(acts) > 1 else ""
    return [p95([each for values in seen.values() for each in values]), note]


def _enqueue(rounds: int) -> list:
    noting, indexed = [], []
    for _ in range(max(rounds, 3)):
        _took()  # what was rolled back has to be read anew
        writes = documents.note
        documents.note = lambda task: NOTHING
        without = _took()
        documents.note = writes
        noting.append(_took() / without)
        with transaction.atomic():
            whole = _took()
            _drop(INDEXES)
            indexed.append(whole / _took())
            transaction.set_rollback(True)
    note, indexes = median(noting), median(indexed)
    return [note * indexes, f"{note:.2f} by the note for search, {indexes:.2f} by four indexes (not committed);"
                            " processor time of who enqueues, in turns, not a database's server"]


def _took() -> float:
    began = time.process_time()
    for _ in range(ENQUEUES):
        enqueue(Sleep, {"seconds": 1}, run_at=timezone.now() + timedelta(days=1))
    return time.process_time() - began


def _drop(indexes: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        for index in indexes:
            cursor.execute(f"DROP INDEX {index}")


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
