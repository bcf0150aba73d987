"""A drawing of what waits for what: a place for each node of a graph, and the path through it that takes longest.

Plain values in and out, so that it can be tried and timed without a database.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)

# How often the order within the layers is made better. More changes little.
SWEEPS = 4
# What a node is worth that took no time, so that of two paths that took none the longer one is the critical one.
TRIFLE = 1e-6


@dataclass(frozen=True, slots=True)
class Place:
    """A node's layer, from the left, and its place within that, from the top."""

    layer: int
    row: int


def in_order(nodes: Iterable[Node], needs: Iterable[tuple[Node, Node]]) -> tuple[list[Node], list[tuple[Node, Node]]]:
    """The nodes, each after what it needs, and the edges `(needed, needing)` between them. An edge that would close a
    circle (which only a hand in the database can have made) is left out."""
    nodes = list(dict.fromkeys(nodes))
    known = set(nodes)
    edges = [edge for edge in dict.fromkeys(needs) if edge[0] in known and edge[1] in known and edge[0] != edge[1]]
    while True:
        above: dict[Node, list[Node]] = {node: [] for node in nodes}
        for needed, needing in edges:
            above[needing].append(needed)
        try:
            return list(TopologicalSorter(above).static_order()), edges
        except CycleError as error:
            # Each of the circle is needed by the next.
            circle = error.args[1]
            edges.remove((circle[0], circle[1]))


def places(order: Sequence[Node], edges: Iterable[tuple[Node, Node]]) -> dict[Node, Place]:
    """A place for each node: to the right of all that it needs, and near to what it is connected with.

    `order` and `edges` are those of `in_order`. Layers by the longest path; within a layer by the mean place of the
    neighbours, sweeping to and fro.
    """
    above, below = _neighbours(order, edges)
    layer: dict[Node, int] = {}
    for node in order:
        layer[node] = max((layer[each] + 1 for each in above[node]), default=0)
    for node in reversed(order):
        # One that needs nothing stands close to the first that needs it, not far off at the left.
        if not above[node] and below[node]:
            layer[node] = min(layer[each] for each in below[node]) - 1
    layers: list[list[Node]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for node in order:
        layers[layer[node]].append(node)
    row = {node: float(place) for nodes in layers for place, node in enumerate(nodes)}
    for sweep in range(SWEEPS):
        towards = above if sweep % 2 == 0 else below
        for nodes in layers if sweep % 2 == 0 else reversed(layers):
            nodes.sort(key=lambda node: _mean([row[each] for each in towards[node]], row[node]))
            row.update((node, float(place)) for place, node in enumerate(nodes))
    return {node: Place(layer[node], int(row[node])) for node in order}


def critical(order: Sequence[Node], edges: Iterable[tuple[Node, Node]], weight: Mapping[Node, float]) -> list[Node]:
    """The path whose nodes weigh most together, first to last: what the whole had to wait for. `order` and `edges` as
    for `places`; empty without nodes."""
    above, _ = _neighbours(order, edges)
    total: dict[Node, float] = {}
    before: dict[Node, Node | None] = {}
    for node in order:
        before[node] = max(above[node], key=total.__getitem__, default=None)
        total[node] = max(weight[node], TRIFLE) + (0.0 if before[node] is None else total[before[node]])
    path: list[Node] = []
    node = max(order, key=total.__getitem__, default=None)
    while node is not None:
        path.append(node)
        node = before[node]
    return path[::-1]


def _neighbours(order: Sequence[Node], edges: Iterable[tuple[Node, Node]]) -> tuple[
    dict[Node, list[Node]], dict[Node, list[Node]]
]:
    above: dict[Node, list[Node]] = {node: [] for node in order}
    below: dict[Node, list[Node]] = {node: [] for node in order}
    for needed, needing in edges:
        above[needing].append(needed)
        below[needed].append(needing)
    return above, below


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
