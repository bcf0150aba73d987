"""How long the graph of 500 tasks takes, from the database to the page: `bin/python bench/graph.py`.

On a database of its own, which is gone afterwards. Prints one line for each shape: medians of ten rounds, in
milliseconds, and the slowest round (the first has the templates to read). The bound for the median is 1 s.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

NODES, ROUNDS = 500, 10


def main() -> None:
    """Measure each shape; exit code 1 when the median of one is above a second."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        os.environ.update(HUB_DATA=folder, DATABASE_URL="", REDIS_URL="", DJANGO_SETTINGS_MODULE="hub.settings")
        sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
        # After the environment, which the settings read once.
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        slow = [name for name, needs in SHAPES.items() if _measure(name, needs) > 1.0]
    sys.exit(1 if slow else 0)


def _chain(number: int) -> list[int]:
    return [number - 1] if number else []


def _fan(number: int) -> list[int]:
    return [0] if 0 < number < NODES - 1 else list(range(1, NODES - 1)) if number else []


def _woven(number: int) -> list[int]:
    near = range(max(0, number - 40), number)
    return random.Random(number).sample(near, min(3, len(near)))


SHAPES = {"chain": _chain, "fan out and in": _fan, "woven, three needs each": _woven}


def _measure(name: str, needs) -> float:
    from django.template.loader import render_to_string
    from django.utils import timezone

    from tasks.graph import graph_of
    from tasks.models import Attempt, Dependency, Task
    from tasks.presentation import view_of

    tasks = Task.objects.bulk_create([
        Task(job="demo.sleep", title=f"Task {number} of {name}", actor="bench", state="succeeded", attempt=1)
        for number in range(NODES)
    ])  # fmt: skip
    now = timezone.now()
    Attempt.objects.bulk_create([
        Attempt(task=task, number=1, worker="w", host="h", pid=1, pid_started=1, correlation_id=task.correlation_id,
                started_at=now, ended_at=now, outcome="succeeded") for task in tasks
    ])  # fmt: skip
    Dependency.objects.bulk_create([
        Dependency(task=tasks[number], needs=tasks[each]) for number in range(NODES) for each in needs(number)
    ])  # fmt: skip
    middle, marks = tasks[NODES // 2], []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        graph = graph_of(middle, timezone.now())
        drawn = time.perf_counter()
        render_to_string("tasks/_graph.html", {"graph": graph, "task": middle, "view": view_of(middle, now)})
        marks.append((begun, drawn, time.perf_counter()))
    assert len(graph.nodes) == NODES
    steps = [median(times[place + 1] - times[place] for times in marks) * 1000 for place in (0, 1)]
    slowest = max(end - begun for begun, _, end in marks)
    print(f"{name:<24} {len(graph.edges):>5} edges   read and laid out {steps[0]:6.0f} ms   page {steps[1]:6.0f} ms   "
          f"slowest {slowest * 1000:6.0f} ms")  # fmt: skip
    return sum(steps) / 1000


if __name__ == "__main__":
    main()
