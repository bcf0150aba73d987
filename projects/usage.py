"""What the services of a project used in the last hour: measured by watch, kept in a ring that never grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from projects.engines.base import Usage
from projects.models import Project, UsageSample

STRETCH = timedelta(seconds=30)
SLOTS = 120
COUNTED = ("network_in", "network_out", "disk_read", "disk_written")
FIELDS = ("cpu", "memory", *COUNTED)


@dataclass(slots=True)
class _Stretch:
    """What was measured of one service since the stretch began."""

    shares: list[float] = field(default_factory=list)
    memory: int = 0
    # (at, count) of the first and the newest measurement of each counter.
    first: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    last: dict[str, tuple[datetime, int]] = field(default_factory=dict)

    def add(self, usage: Usage, at: datetime) -> None:
        if usage.cpu is not None:
            self.shares.append(usage.cpu)
        self.memory = max(self.memory, usage.memory)
        for name in COUNTED:
            count = getattr(usage, name)
            if count is not None:
                self.first.setdefault(name, (at, count))
                self.last[name] = (at, count)

    def next(self) -> _Stretch:
        """The stretch after this one: its counters go on from here."""
        return _Stretch(first=dict(self.last))

    def values(self) -> dict[str, float | None]:
        rates = {}
        for name in COUNTED:
            rates[name] = None
            if name in self.last:
                (began, before), (at, count) = self.first[name], self.last[name]
                # A counter that went back is that of another process: nothing is known of this stretch.
                if at > began and count >= before:
                    rates[name] = round((count - before) / (at - began).total_seconds(), 1)
        cpu = round(sum(self.shares) / len(self.shares), 4) if self.shares else None
        return {"cpu": cpu, "memory": self.memory, **rates}


class Recorder:
    """Gathers measurements, and writes each stretch as it ends: one statement for all projects."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._stretches: dict[tuple[int, str], _Stretch] = {}

    def add(self, project: int, usages: Sequence[Usage], at: datetime) -> None:
        """Take what was measured of a project's services at a moment; of a stopped one nothing is."""
        if not usages:
            for key in [key for key in self._stretches if key[0] == project]:
                self._stretches[key].first, self._stretches[key].last = {}, {}
        for usage in usages:
            self._stretches.setdefault((project, usage.service), _Stretch()).add(usage, at)

    def flush(self, existing: set[int], now: datetime) -> int:
        """Write the stretch when it has ended, of those projects that still exist. How many rows that were."""
        number = _number(now)
        if self._number is None:
            self._number = number
        if number == self._number:
            return 0
        at = datetime.fromtimestamp((self._number + 1) * STRETCH.total_seconds(), UTC)
        rows = [
            UsageSample(project_id=project, service=service, slot=self._number % SLOTS, at=at, **stretch.values())
            for (project, service), stretch in self._stretches.items()
            if project in existing and (stretch.shares or stretch.memory)
        ]
        UsageSample.objects.bulk_create(rows, update_conflicts=True, unique_fields=["project", "service", "slot"],
                                        update_fields=["at", *FIELDS])
        self._stretches = {
            key: stretch.next() for key, stretch in self._stretches.items()
            if key[0] in existing and (stretch.shares or stretch.memory)
        }
        self._number = number
        return len(rows)


@dataclass(frozen=True, slots=True)
class History:
    """The last hour: `times` are the ends of its stretches, oldest first; `services` has, for each that was measured,
    a value for each of them by field, None where there is none."""

    times: tuple[datetime, ...]
    services: dict[str, dict[str, tuple[float | None, ...]]]

    @property
    def is_empty(self) -> bool:
        return not self.services


def history_of(project: Project, now: datetime) -> History:
    """What is known of the last hour, in one query."""
    last = _number(now)
    seconds = STRETCH.total_seconds()
    times = tuple(datetime.fromtimestamp(number * seconds, UTC) for number in range(last - SLOTS + 1, last + 1))
    places = {moment: place for place, moment in enumerate(times)}
    found: dict[str, dict[str, list[float | None]]] = {}
    for sample in project.usage.filter(at__gte=times[0]).order_by("service"):
        if sample.at in places:
            fields = found.setdefault(sample.service, {name: [None] * SLOTS for name in FIELDS})
            for name in FIELDS:
                fields[name][places[sample.at]] = getattr(sample, name)
    return History(times, {
        service: {name: tuple(values) for name, values in fields.items()} for service, fields in found.items()
    })


def _number(moment: datetime) -> int:
    return int(moment.timestamp() // STRETCH.total_seconds())
