"""Three weeks of tasks and a file of sprints, as a small team would have them: `python -m bench.shots.story
'{"shop": 4, ...}' SPRINTS`, in a Hub that is named by the environment. The same each time, but for the days."""

from __future__ import annotations

import json
import random
import sys
from datetime import datetime, timedelta
from pathlib import Path

import django

django.setup()

from django.utils import timezone  # noqa: E402 - Django has to be set up before

from events.ids import uuid7  # noqa: E402
from retrospectives.tests.conftest import csv_of, sprint  # noqa: E402
from tasks.models import Attempt, Task  # noqa: E402

DAYS = 21
# By job: how often a week for each project, and by step how many seconds it takes in the middle.
JOBS = {
    "projects.start": (22, {"Read the folder": 0.6, "Build images": 13.0, "Wait until ready": 7.5}),
    "projects.restart": (12, {"Stop services": 1.8, "Wait until ready": 6.0}),
    "projects.build": (8, {"Read the folder": 2.2, "Build images": 24.0}),
}
FAULTS = ("api exited with code 1: ModuleNotFoundError: No module named 'psycopg'",
          "port 8010 is taken by another process", "It took longer than 3600 s, and was told to end.")
# What got slower this week: this step of this project, so many times.
SLOW, FACTOR = ("shop", "Build images"), 2.6


def tell(projects: dict[str, int]) -> int:
    """Write the tasks; how many there were."""
    chance, now, written = random.Random(11), timezone.now(), 0
    for name, number in sorted(projects.items()):
        for job, (weekly, steps) in JOBS.items():
            for _ in range(weekly * DAYS // 7):
                at = _working_hour(chance, now)
                week = at > now - timedelta(days=7)
                taken = {step: chance.lognormvariate(0, 0.25) * middle for step, middle in steps.items()}
                if week and name == SLOW[0] and SLOW[1] in taken:
                    taken[SLOW[1]] *= FACTOR
                _ended(chance, job, name, number, at, taken)
                written += 1
    return written


def _working_hour(chance: random.Random, now: datetime) -> datetime:
    """A moment of the last weeks; most by day."""
    while True:
        at = now - timedelta(seconds=chance.uniform(600, DAYS * 86400))
        if 7 <= at.hour < 19 or chance.random() < 0.15:
            return at


def _ended(chance: random.Random, job: str, name: str, number: int, at: datetime, taken: dict[str, float]) -> None:
    state = chance.choices(("succeeded", "failed", "cancelled"), (92, 6, 2))[0]
    run = timedelta(seconds=sum(taken.values()))
    begun = at - run
    created = begun - timedelta(seconds=chance.expovariate(0.5))
    task = Task.objects.create(
        job=job, title=f"{job.partition('.')[2].capitalize()} {name}", subject=f"projects.project:{number}",
        lane="stacks", actor=chance.choice(("mara", "jonas", "key:deploy")), created_at=created, ready_at=created,
        attempt=1, state="running", started_at=begun, steps=_steps(begun, taken), steps_done=len(taken),
        steps_total=len(taken))
    Attempt.objects.create(task=task, number=1, worker=f"studio-{chance.randint(1, 2)}", host="studio", pid=1,
                           pid_started=1, correlation_id=uuid7(), started_at=begun, ended_at=at, outcome=state)
    error = chance.choice(FAULTS) if state == "failed" else ""
    Task.objects.filter(pk=task.pk).update(state=state, finished_at=at, error=error)


def _steps(begun: datetime, taken: dict[str, float]) -> list[dict]:
    steps, at = [], begun
    for label, seconds in taken.items():
        until = at + timedelta(seconds=seconds)
        steps.append({"key": label.lower().replace(" ", "-"), "label": label, "done": 1, "total": 1, "detail": "",
                      "started": at.isoformat(), "ended": until.isoformat(), "usual": None})
        at = until
    return steps


if __name__ == "__main__":
    tell(json.loads(sys.argv[1]))
    Path(sys.argv[2]).write_text(csv_of([sprint(number, team_id="Harbour") for number in range(1, 15)]))
