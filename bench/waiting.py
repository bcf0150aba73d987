"""`python -m bench.waiting TASKS`: so many tasks that wait for tomorrow, written into the Hub that the environment
names."""

from __future__ import annotations

import os
import sys
from datetime import timedelta

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "hub.settings"
django.setup()

from django.db import connection, transaction  # noqa: E402 - Django has to be set up before
from django.utils import timezone  # noqa: E402

from events.statements import insertion  # noqa: E402
from tasks.jobs import Sleep  # noqa: E402
from tasks.models import Task  # noqa: E402

BATCH = 5000


def main(number: int) -> None:
    """Their rows alone: what an enqueue costs is measured elsewhere."""
    tomorrow = timezone.now() + timedelta(days=1)
    for begin in range(0, number, BATCH):
        statements = [insertion(Task(job=Sleep.name, title="Sleep for 1 s", params={"seconds": 1}, actor="bench",
                                     state="scheduled", run_at=tomorrow))
                      for _ in range(min(BATCH, number - begin))]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(statements[0].sql, [one.params for one in statements])


if __name__ == "__main__":
    main(int(sys.argv[1]))
