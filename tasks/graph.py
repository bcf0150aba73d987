"""What waits for what around a task, drawn: the tasks that are connected with it by waiting, in layers, with the path
that decides how long the whole takes."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import mean

from django.db import connection
from django.urls import reverse

from events.words import span
from tasks.layout import Place, critical, in_order, places
from tasks.models import Attempt, Dependency, Task
from tasks.presentation import Look, look_of, version_of
from tasks.states import ACTIVE, ENDED, TaskState

MAX_NODES = 500
# Pixels: a box, the room between boxes, and the margin around all.
WIDTH, HEIGHT, ACROSS, DOWN, MARGIN = 168, 36, 48, 12, 8
MAX_NAME = 20
# How many names the table gives of what a task waits for.
NAMES = 3


@dataclass(frozen=True, slots=True)
class Node:
    """A task as a box. `x`, `y`: its upper left corner in pixels. `since` is when a running one began, `took` how long
    its attempts took together; `needs` names what it waits for."""

    id: uuid.UUID
    url: str
    title: str
    name: str
    look: Look
    x: int
    y: int
    here: bool
    critical: bool
    took: str
    since: str
    needs: str

    @property
    def text_y(self) -> int:
        """Where the baseline of its name is."""
        return self.y + HEIGHT // 2 + 4

    @property
    def icon_y(self) -> int:
        """The upper edge of its icon."""
        return self.y + HEIGHT // 2 - 7


@dataclass(frozen=True, slots=True)
class Edge:
    """A line from what is needed to what needs it: `path` is SVG path data."""

    path: str
    critical: bool


@dataclass(frozen=True, slots=True)
class Graph:
    """All of it. `width` and `height` in pixels; `more`: there are more tasks than are shown; `length`: how long the
    critical path takes, by what has run, what is known of what runs, and the mean of the same job for what waits."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    width: int
    height: int
    more: bool
    live: bool
    length: str
    path_length: int

    @property
    def version(self) -> str:
        """A short mark of how it looks: the same mark looks the same."""
        return version_of([self.more, self.length if not self.live else "", [
            (node.id.hex, node.look.state, node.critical, node.x, node.y, node.took) for node in self.nodes
        ]])  # fmt: skip


def graph_of(task: Task, now: datetime) -> Graph | None:
    """The graph around a task; None when it waits for nothing and nothing waits for it."""
    keys = _connected(task.pk)
    more, keys = len(keys) > MAX_NODES, keys[:MAX_NODES]
    columns = ("id", "title", "job", "state", "due_at")
    tasks = Task.objects.only(*columns).in_bulk(keys) if len(keys) > 1 else {}
    keys = [key for key in keys if key in tasks]
    if len(keys) < 2:
        return None
    needs = Dependency.objects.filter(task__in=keys, needs__in=keys).values_list("needs_id", "task_id")
    order, edges = in_order(sorted(tasks), needs)
    spent, began = _spent(keys, now)
    weight = _weights(tasks, spent, now)
    path = critical(order, edges, weight)
    on_path, links = set(path), set(pairwise(path))
    spots = places(order, edges)
    above: dict[uuid.UUID, list[str]] = defaultdict(list)
    for needed, needing in edges:
        above[needing].append(tasks[needed].title)
    nodes = tuple(
        Node(
            id=key, url=reverse("tasks:detail", args=[key]), title=tasks[key].title, name=_short(tasks[key].title),
            look=look_of(tasks[key].state),
            x=_x(spots[key]), y=_y(spots[key]), here=key == task.pk, critical=key in on_path,
            took=span(spent[key]) if key in spent and tasks[key].state != TaskState.RUNNING else "",
            since=began[key].isoformat() if tasks[key].state == TaskState.RUNNING and key in began else "",
            needs=_names(above[key]),
        )
        for key in order
    )  # fmt: skip
    return Graph(
        nodes=nodes,
        # Those of the critical path last, so that they lie on top.
        edges=tuple(sorted((_edge(spots[a], spots[b], (a, b) in links) for a, b in edges), key=lambda e: e.critical)),
        width=max(node.x for node in nodes) + WIDTH + MARGIN,
        height=max(node.y for node in nodes) + HEIGHT + MARGIN,
        more=more,
        live=any(each.state in ACTIVE for each in tasks.values()),
        length=span(sum(weight[key] for key in path)),
        path_length=len(path),
    )


def _connected(key: uuid.UUID) -> list[uuid.UUID]:
    """The task, and what is connected with it, the nearest first; one more than the most that is shown."""
    field, tasks, edges = Task._meta.pk, Task._meta.db_table, Dependency._meta.db_table
    with connection.cursor() as cursor:
        # The names are the models', the values are parameters.
        cursor.execute(
            f"WITH RECURSIVE near(id) AS (SELECT id FROM {tasks} WHERE id = %s UNION "
            "SELECT CASE WHEN edge.task_id = near.id THEN edge.needs_id ELSE edge.task_id END "
            f"FROM near JOIN {edges} edge ON edge.task_id = near.id OR edge.needs_id = near.id) "
            "SELECT id FROM near LIMIT %s",
            [field.get_db_prep_value(key, connection), MAX_NODES + 1],
        )
        return [field.to_python(row[0]) for row in cursor.fetchall()]


def _spent(keys: Iterable[uuid.UUID], now: datetime) -> tuple[dict[uuid.UUID, float], dict[uuid.UUID, datetime]]:
    """Seconds that the attempts at each task took, without its waiting; and when the newest began."""
    spent: dict[uuid.UUID, float] = defaultdict(float)
    began: dict[uuid.UUID, datetime] = {}
    attempts = Attempt.objects.filter(task__in=list(keys)).order_by("number")
    for key, started, ended in attempts.values_list("task_id", "started_at", "ended_at"):
        spent[key] += ((ended or now) - started).total_seconds()
        began[key] = started
    return spent, began


def _weights(tasks: dict[uuid.UUID, Task], spent: dict[uuid.UUID, float], now: datetime) -> dict[uuid.UUID, float]:
    by_job: dict[str, list[float]] = defaultdict(list)
    for key, task in tasks.items():
        if task.state == TaskState.SUCCEEDED and key in spent:
            by_job[task.job].append(spent[key])
    usual = {job: mean(lengths) for job, lengths in by_job.items()}
    weight = {}
    for key, task in tasks.items():
        weight[key] = spent.get(key, 0.0) + (task.remaining(now) or 0.0)
        if task.state not in ENDED:
            weight[key] = max(weight[key], usual.get(task.job, 0.0))
    return weight


def _x(place: Place) -> int:
    return MARGIN + place.layer * (WIDTH + ACROSS)


def _y(place: Place) -> int:
    return MARGIN + place.row * (HEIGHT + DOWN)


def _edge(start: Place, end: Place, is_critical: bool) -> Edge:
    x1, y1, x2, y2 = _x(start) + WIDTH, _y(start) + HEIGHT // 2, _x(end), _y(end) + HEIGHT // 2
    bend = ACROSS // 2
    return Edge(f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}", is_critical)


def _short(title: str) -> str:
    return title if len(title) <= MAX_NAME else f"{title[: MAX_NAME - 1].rstrip()}…"


def _names(titles: list[str]) -> str:
    more = f" and {len(titles) - NAMES} more" if len(titles) > NAMES else ""
    return ", ".join(titles[:NAMES]) + more
