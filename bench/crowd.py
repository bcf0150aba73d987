"""`python -m bench.crowd TASKS WORKERS`: what a Hub holds that is watched, written into the one that the environment
names: tasks of three months, lanes with depth, what is planned, and workers on other hosts."""

from __future__ import annotations

import os
import random
import sys
from datetime import timedelta

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "hub.settings"
django.setup()

from django.utils import timezone  # noqa: E402 - Django has to be set up before

from bench.million import generate  # noqa: E402
from tasks import lane_actions  # noqa: E402
from tasks.actions import enqueue  # noqa: E402
from tasks.jobs import Sleep  # noqa: E402
from tasks.models import Task  # noqa: E402
from tasks.tests.monitor.fleet import register  # noqa: E402


def tasks(number: int) -> None:
    """History, and what waits: on a lane that is paused, for a time, and for others."""
    now = timezone.now()
    if number:
        generate(number, now - timedelta(seconds=30))
    # Nobody has these in hand: `watch` would rescue them.
    Task.objects.filter(state__in=("queued", "running", "scheduled")).update(
        state="succeeded", started_at=now - timedelta(seconds=40), finished_at=now - timedelta(seconds=30))
    lane_actions.pause("metrics")
    chance = random.Random(5)
    for _ in range(100):
        enqueue(Sleep, {"seconds": 1}, lane="metrics", priority=chance.randint(1, 10))
        first = enqueue(Sleep, {"seconds": 1}, run_at=now + timedelta(days=1, seconds=chance.randrange(9000)))
        enqueue(Sleep, {"seconds": 1}, depends_on=[first.pk])


if __name__ == "__main__":
    tasks(int(sys.argv[1]))
    register(int(sys.argv[2]))
