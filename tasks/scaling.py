"""How many workers there should be: decided from what waits, who works, and what was decided before."""

from __future__ import annotations

from dataclasses import dataclass

# More are started when somebody has waited so long (seconds) while no worker was free...
UP_AFTER = 3.0
# ...but so long after the last change at the earliest: those just started must have had their chance.
COOLDOWN = 5.0


@dataclass(frozen=True, slots=True)
class Load:
    """At a moment (`now`, in seconds): `depth` tasks wait that may start, the oldest for `oldest` seconds; `idle` of
    the `workers` are free."""

    now: float
    depth: int
    oldest: float
    workers: int
    idle: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """`fewest` and `most` workers; one ends after `patience` seconds in which nothing waited and one was free. Between
    two changes lie `cooldown` seconds. `why`: a sentence, where a change to keep to them needs one of its own."""

    fewest: int
    most: int
    patience: float
    cooldown: float = COOLDOWN
    why: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """What was decided: `wanted` workers, changed last at `changed_at`; since `calm_since` nothing waits and one is
    free (None: it is not so). `reason` is a sentence when `wanted` has just changed."""

    wanted: int
    changed_at: float = float("-inf")
    calm_since: float | None = None
    reason: str = ""


def decide(load: Load, bounds: Bounds, before: Memory) -> Memory:
    """How many workers there should be from now on.

    Up quickly (at most twice as many at once), down slowly (one at a time): between the two lies the patience, so a
    load that comes and goes within it changes nothing.
    """
    calm_since = None
    if load.depth == 0 and load.idle > 0:
        calm_since = load.now if before.calm_since is None else before.calm_since
    wanted, reason = min(max(before.wanted, bounds.fewest), bounds.most), ""
    rested = load.now - before.changed_at >= bounds.cooldown
    if load.depth and not load.idle and load.oldest >= UP_AFTER and rested and load.workers >= wanted < bounds.most:
        more = min(load.depth, wanted, bounds.most - wanted)
        wanted += more
        reason = (f"{load.depth} waiting, the oldest for {load.oldest:.0f} s, and none of {load.workers} workers is "
                  f"free: {wanted} workers.")
    elif (calm_since is not None and load.now - calm_since >= bounds.patience and rested and wanted > bounds.fewest
          and load.now - before.changed_at >= bounds.patience):
        wanted -= 1
        reason = (f"Nothing has waited for {load.now - calm_since:.0f} s, and one worker was always free: "
                  f"{wanted} workers.")
    if wanted == before.wanted:
        return Memory(wanted, before.changed_at, calm_since)
    if not reason:
        reason = bounds.why or f"The bounds are {bounds.fewest} to {bounds.most}: {wanted} workers."
    return Memory(wanted, load.now, calm_since, reason)
