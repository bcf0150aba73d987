"""The text format of Prometheus (version 0.0.4), written by hand: a few lines, where its client brings a registry and
threads of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with all its samples: (suffix of the name, labels, value). `kind`: counter, gauge or histogram."""

    name: str
    kind: str
    help: str
    samples: list[tuple[str, Labels, float]] = field(default_factory=list)

    def add(self, value: float, **labels: str) -> None:
        """One sample."""
        self.samples.append(("", labels, value))


@dataclass(slots=True)
class Histogram:
    """How many values fell at or below each bound, how many there were and what they sum to."""

    bounds: Sequence[float]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        if not self.counts:
            self.counts = [0] * (len(self.bounds) + 1)
        place = next((place for place, bound in enumerate(self.bounds) if value <= bound), len(self.bounds))
        self.counts[place] += 1
        self.total += value

    def write(self, family: Family, **labels: str) -> None:
        """Its samples, with these labels."""
        below = 0
        for bound, number in zip([*self.bounds, float("inf")], self.counts, strict=True):
            below += number
            family.samples.append(("_bucket", {**labels, "le": _number(bound)}, below))
        family.samples.append(("_sum", labels, self.total))
        family.samples.append(("_count", labels, below))


def rendered(families: Iterable[Family]) -> str:
    """All families as text."""
    lines = []
    for family in families:
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
        for suffix, labels, value in family.samples:
            said = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            lines.append(f"{family.name}{suffix}{'{' + said + '}' if said else ''} {_number(value)}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return "+Inf" if value == float("inf") else repr(value)
