"""How much is measured: everything, or so little that a test can wait for it."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Size:
    """Counts and seconds of a bench run. The bounds belong to `FULL`; the figures of `QUICK` say little."""

    rounds: int = 5
    clients: int = 20
    press_rounds: int = 2
    leases: tuple[int, ...] = (0, 100, 400)
    creates: int = 15
    slices: int = 6
    slice_seconds: float = 2.5
    cards: int = 100
    running_cards: int = 10
    idle_projects: int = 50
    idle_seconds: float = 20.0
    idle_stacks: int = 20
    tasks: int = 300
    peers: bool = True
    graph_nodes: int = 500
    graph_rounds: int = 10
    dependents: int = 1500
    enqueues: int = 100
    compose_stacks: int = 20
    listed: int = 1_000_000
    beside: int = 100_000
    waiting: int = 100_000
    searches: int = 20
    fleet: int = 600
    tabs: int = 50
    listeners: int = 200
    watch_seconds: float = 600.0
    watch_rounds: int = 30
    bursts: int = 20
    kills: int = 20
    teams: int = 1000
    reports: int = 10
    stormed: int = 10_000
    counted: int = 1_000_000
    steps: tuple[tuple[int, int], ...] = ((10, 5), (100, 50), (1000, 100))


FULL = Size()
# As FULL, but who watches does it for a minute.
SHORT = replace(FULL, watch_seconds=60.0)
QUICK = Size(rounds=1, clients=2, press_rounds=1, leases=(0, 8), creates=2, slices=1, slice_seconds=0.3, cards=4,
             running_cards=1, idle_projects=2, idle_seconds=0.5, idle_stacks=1, tasks=20, peers=False,
             graph_nodes=20, graph_rounds=1, dependents=20, enqueues=3, compose_stacks=2, listed=2000, beside=2000,
             searches=1, fleet=20, waiting=200, tabs=3, listeners=5, watch_seconds=4.0, watch_rounds=2, bursts=2,
             kills=1, teams=5, reports=1, stormed=100, counted=1000, steps=((5, 1), (8, 2)))
