"""How long the graph of 500 tasks takes, from the database to the page. On a database of its own, which is gone
afterwards. `python -m bench.graph NODES ROUNDS` measures, and prints one line of JSON."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.figures import Figure, at_most, median
from bench.size import Size

ROOT = Path(__file__).resolve().parent.parent


def run(size: Size) -> list[Figure]:
    """Each shape: the median of reading, laying out and rendering; the first round has the templates to read."""
    command = [sys.executable, "-m", "bench.graph", str(size.graph_nodes), str(size.graph_rounds)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return [
        Figure(f"graph of {size.graph_nodes} tasks, {name}", seen["total"], "s", at_most(1),
               f"{seen['edges']} edges; read and laid out {seen['drawn'] * 1000:.0f} ms, slowest "
               f"{seen['slowest'] * 1000:.0f} ms")
        for name, seen in json.loads(done.stdout.splitlines()[-1]).items()
    ]  # fmt: skip


def main(nodes: int, rounds: int) -> dict[str, dict[str, Any]]:
    """By shape: `{"edges", "drawn", "total", "slowest"}`, in seconds."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        os.environ.update(HUB_DATA=folder, DATABASE_URL="", REDIS_URL="", DJANGO_SETTINGS_MODULE="hub.settings")
        # After the environment, which the settings read once.
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        return {name: _measure(name, needs, nodes, rounds) for name, needs in SHAPES.items()}


def _chain(number: int, nodes: int) -> list[int]:
    return [number - 1] if number else []


def _fan(number: int, nodes: int) -> list[int]:
    return [0] if 0 < number < nodes - 1 else list(range(1, nodes - 1)) if number else []


def _woven(number: int, nodes: int) -> list[int]:
    near = range(max(0, number - 40), number)
    return random.Random(number).sample(near, min(3, len(near)))


SHAPES = {"chain": _chain, "fan out and in": _fan, "woven, three needs each": _woven}


def _measure(name: str, needs: Callable[[int, int], list[int]], nodes: int, rounds: int) -> dict[str, Any]:
    from django.template.loader import render_to_string
    from django.utils import timezone

    from tasks.graph import graph_of
    from tasks.models import Attempt, Dependency, Task
    from tasks.presentation import view_of

    tasks = Task.objects.bulk_create([
        Task(job="demo.sleep", title=f"Task {number} of {name}", actor="bench", state="succeeded", attempt=1)
        for number in range(nodes)
    ])  # fmt: skip
    now = timezone.now()
    Attempt.objects.bulk_create([
        Attempt(task=task, number=1, worker="w", host="h", pid=1, pid_started=1, correlation_id=task.correlation_id,
                started_at=now, ended_at=now, outcome="succeeded") for task in tasks
    ])  # fmt: skip
    Dependency.objects.bulk_create([
        Dependency(task=tasks[number], needs=tasks[each]) for number in range(nodes) for each in needs(number, nodes)
    ])  # fmt: skip
    middle, marks = tasks[nodes // 2], []
    for _ in range(rounds):
        begun = time.perf_counter()
        graph = graph_of(middle, timezone.now())
        drawn = time.perf_counter()
        render_to_string("tasks/_graph.html", {"graph": graph, "task": middle, "view": view_of(middle, now)})
        marks.append((begun, drawn, time.perf_counter()))
    assert len(graph.nodes) == nodes
    return {"edges": len(graph.edges), "drawn": median([drawn - begun for begun, drawn, _ in marks]),
            "total": median([end - begun for begun, _, end in marks]),
            "slowest": max(end - begun for begun, _, end in marks)}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
