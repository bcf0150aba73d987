"""Who belongs to a stack, however it tried to leave: by process, session, group, parentage and marker.

Lean on purpose: the supervisor imports it, and the engine uses the same code when there is no supervisor.
"""

import os
import signal
import time

from projects.engines.process.processes import CLOCK_TICKS, Stat, environment_of, send_signal, table

STACK_VARIABLE = "HUB_STACK"
SERVICE_VARIABLE = "HUB_SERVICE"
LAUNCH_VARIABLE = "HUB_LAUNCH"
# A process younger than this may be between fork and exec, so that its variables are not yet its own.
SETTLED_SECONDS = 2.0
SHARED_LOOK_SECONDS = 0.01


class Label:
    """What a service was started as: its instance, the number of this start in the stack, the version of its wish."""

    __slots__ = ("instance", "launch", "version")

    def __init__(self, instance: str, launch: int, version: str):
        self.instance, self.launch, self.version = instance, launch, version

    @classmethod
    def of(cls, variables: dict[str, str]) -> "Label":
        launch, _, version = variables.get(LAUNCH_VARIABLE, "").partition(":")
        return cls(variables.get(SERVICE_VARIABLE, ""), int(launch) if launch.isdigit() else 0, version)


class Family:
    """The processes of one stack. `marker` is the value of `HUB_STACK` that every service was started with.

    `look()` reads the process table; the other methods speak of what was seen at the last look.
    """

    def __init__(self, marker: str):
        self.marker = marker
        self.seen: dict[int, Stat] = {}
        self.looked_at = 0.0
        self._labels: dict[tuple[int, int], Label | None] = {}

    def look(self) -> None:
        self.show(table())

    def show(self, processes: dict[int, Stat]) -> None:
        """Take a process table that somebody has read already."""
        self.seen = processes
        current = {stat.identity for stat in self.seen.values()}
        self._labels = {identity: label for identity, label in self._labels.items() if identity in current}
        self.looked_at = time.monotonic()

    def look_again(self) -> None:
        """Look, unless somebody did a moment ago: several endings at once share one look."""
        if time.monotonic() - self.looked_at > SHARED_LOOK_SECONDS:
            self.look()

    def label(self, stat: Stat) -> Label | None:
        """What the process was started as, when it carries this stack's marker, else None."""
        if stat.identity in self._labels:
            return self._labels[stat.identity]
        variables = environment_of(stat.pid)
        label = Label.of(variables) if variables.get(STACK_VARIABLE) == self.marker else None
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - stat.start / CLOCK_TICKS
        if label is not None or age > SETTLED_SECONDS:
            self._labels[stat.identity] = label
        return label

    def labelled(self) -> list[tuple[Stat, Label]]:
        """Every living process with the marker, with what it was started as."""
        return [
            (stat, label)
            for stat in self.seen.values()
            if stat.alive and (label := self.label(stat)) is not None
        ]

    def members(
        self, known: dict[int, int], instance: str | None = None, below: int | None = None
    ) -> dict[int, Stat]:
        """Living processes that are `known` (pid → start), or in the session or group of a known one, or carry
        the marker (of that `instance`, of any when None), or descend from these or from process `below`.

        Never the calling process.
        """
        leaders = {
            pid: start for pid, start in known.items() if pid not in self.seen or self.seen[pid].start == start
        }
        chosen = {}
        for stat in self.seen.values():
            leader = leaders.get(stat.session, leaders.get(stat.group))
            known_one = leaders.get(stat.pid) == stat.start or (leader is not None and stat.start >= leader)
            if known_one or self._carries_marker(stat, instance):
                chosen[stat.pid] = stat
        roots = set(chosen) if below is None else {*chosen, below}
        for stat in self._descendants(roots):
            chosen[stat.pid] = stat
        chosen.pop(os.getpid(), None)
        return {pid: stat for pid, stat in chosen.items() if stat.alive}

    def _carries_marker(self, stat: Stat, instance: str | None) -> bool:
        label = self.label(stat) if stat.alive else None
        return label is not None and instance in (None, label.instance)

    def _descendants(self, roots: set[int]) -> list[Stat]:
        children: dict[int, list[Stat]] = {}
        for stat in self.seen.values():
            children.setdefault(stat.ppid, []).append(stat)
        found, waiting, visited = [], list(roots), set(roots)
        while waiting:
            for child in children.get(waiting.pop(), ()):
                if child.pid not in visited:
                    visited.add(child.pid)
                    found.append(child)
                    waiting.append(child.pid)
        return found


class Ending:
    """Ends processes: a signal to each, a grace, then SIGKILL, until none of them and none they started is left.

    `known` are the processes it begins with; it never forgets one, so a child of an ended one is still found.
    """

    def __init__(self, family: Family, known: dict[int, int], number: int, grace: float, *,
                 instance: str | None = None, below: int | None = None):
        self.family, self.known, self.number = family, dict(known), number
        self.instance, self.below = instance, below
        self.deadline = time.monotonic() + grace
        self.left: dict[int, Stat] = {}
        self.killed = False
        self._signalled: set[tuple[int, int, int]] = set()

    def advance(self) -> bool:
        """Signal whoever has to be, by what the family saw last. True when nobody is left."""
        self.left = self.family.members(self.known, self.instance, self.below)
        self.killed = self.killed or time.monotonic() >= self.deadline
        number = signal.SIGKILL if self.killed else self.number
        for stat in self.left.values():
            self.known[stat.pid] = stat.start
            if (*stat.identity, number) not in self._signalled:
                send_signal(*stat.identity, number)
                if stat.state == "T":
                    send_signal(*stat.identity, signal.SIGCONT)
                self._signalled.add((*stat.identity, number))
        return not self.left
