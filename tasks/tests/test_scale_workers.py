"""How many workers there should be: the decisions alone, on a clock and with workers that are only counted.

Real workers under a real square wave are in `hub/tests/test_scale_up.py`, and many of them in `bin/bench wave`.
"""

from __future__ import annotations

from tasks.scaling import COOLDOWN, UP_AFTER, Bounds, Load, Memory, decide

BOUNDS = Bounds(fewest=1, most=6, patience=60)


class Simulation:
    """What `decide` would see every two seconds of a Hub whose tasks take `length` seconds, and whose workers are there
    as soon as they are wanted."""

    def __init__(self, bounds: Bounds = BOUNDS, length: float = 1.0):
        self.bounds, self.length, self.now = bounds, length, 0.0
        self.memory = Memory(bounds.fewest)
        self.waiting: list[float] = []
        self.busy: list[float] = []
        self.changes: list[tuple[float, int]] = []

    def run(self, seconds: float, arrivals: float) -> None:
        """So many seconds with so many new tasks in each."""
        for _ in range(round(seconds)):
            self.now += 1
            self.waiting += [self.now] * round(arrivals)
            self.busy = [end for end in self.busy if end > self.now]
            workers = self.memory.wanted
            while self.waiting and len(self.busy) < workers:
                self.waiting.pop(0)
                self.busy.append(self.now + self.length)
            if self.now % 2:
                continue
            oldest = self.now - self.waiting[0] if self.waiting else 0.0
            load = Load(self.now, len(self.waiting), oldest, workers, workers - len(self.busy))
            before, self.memory = self.memory, decide(load, self.bounds, self.memory)
            if before.wanted != self.memory.wanted:
                assert self.memory.reason
                self.changes.append((self.now, self.memory.wanted))


def test_in_a_simulation_a_square_wave_shorter_than_the_patience_does_not_flap():
    hub = Simulation()
    for _ in range(40):
        hub.run(20, arrivals=5)
        hub.run(20, arrivals=0)
    # Up in steps, once down when one proves to be too many, and then for 24 minutes nothing.
    assert 2 <= len(hub.changes) <= 5 and hub.changes[-1][0] < 160 and hub.memory.wanted >= 5


def test_in_a_simulation_a_long_square_wave_goes_up_once_and_down_once_in_each_period():
    hub = Simulation()
    for _ in range(5):
        before = len(hub.changes)
        hub.run(300, arrivals=4)
        hub.run(900, arrivals=0)
        wanted = [number for _, number in hub.changes[before:]]
        top = wanted.index(max(wanted))
        assert wanted[: top + 1] == sorted(wanted[: top + 1]) and wanted[top:] == sorted(wanted[top:], reverse=True)
        assert hub.memory.wanted == 1
    steps = [later - earlier for (earlier, _), (later, _) in zip(hub.changes, hub.changes[1:], strict=False)]
    assert min(steps) >= COOLDOWN


def test_more_come_when_somebody_waits_and_nobody_is_free_and_each_change_has_its_reason():
    memory = Memory(2)
    assert decide(Load(10, 9, UP_AFTER - 1, 2, 0), BOUNDS, memory).wanted == 2
    assert decide(Load(10, 9, UP_AFTER, 2, 1), BOUNDS, memory).wanted == 2
    more = decide(Load(10, 9, UP_AFTER, 2, 0), BOUNDS, memory)
    assert more.wanted == 4
    assert more.reason == "9 waiting, the oldest for 3 s, and none of 2 workers is free: 4 workers."
    # Those that were just asked for are not there yet: nothing is asked for twice.
    assert decide(Load(20, 9, 13, 2, 0), BOUNDS, more).wanted == 4
    assert decide(Load(20, 9, 13, 4, 0), BOUNDS, more).wanted == 6
    assert decide(Load(20, 9, 13, 6, 0), BOUNDS, Memory(6)).wanted == 6


def test_one_goes_only_after_the_patience_and_never_below_the_fewest():
    memory = decide(Load(100, 0, 0, 3, 1), BOUNDS, Memory(3))
    assert memory.wanted == 3 and memory.calm_since == 100
    assert decide(Load(159, 0, 0, 3, 1), BOUNDS, memory).wanted == 3
    less = decide(Load(160, 0, 0, 3, 1), BOUNDS, memory)
    assert less.wanted == 2 and "60 s" in less.reason
    assert decide(Load(165, 0, 0, 3, 1), BOUNDS, less).wanted == 2
    interrupted = decide(Load(130, 1, 0, 3, 0), BOUNDS, memory)
    assert interrupted.calm_since is None
    assert decide(Load(500, 0, 0, 1, 1), BOUNDS, Memory(1, calm_since=0)).wanted == 1


def test_bounds_that_were_changed_are_kept_to_at_once():
    assert decide(Load(1, 0, 0, 9, 9), BOUNDS, Memory(9)).wanted == 6
    assert decide(Load(1, 0, 0, 1, 1), Bounds(2, 2, 60), Memory(1)).wanted == 2
