"""What is said of a value, a rule and an alert, in words for people."""

from __future__ import annotations

import re

from alerts.errors import AlertError
from alerts.models import Alert, Rule
from alerts.registry import YES_OR_NO, Reading, measure
from events.words import span

# What may stand behind a number, by the name of the unit of a measure; without it, the number is in that unit itself.
FACTORS = {
    "seconds": {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400},
    "bytes": {"b": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3, "tb": 1024**4, "kib": 1024, "mib": 1024**2,
              "gib": 1024**3, "tib": 1024**4},
    "%": {"%": 1},
}


def shown(key: str, value: float | None) -> str:
    """A value in the unit of a measure: `12 %`, `4.1 s`, `46 MiB`."""
    if value is None:
        return "–"
    found = measure(key)
    return f"{value:g}" if found is None else found.unit.show(value)


def typed(key: str, text: str, field: str) -> float:
    """A number as somebody types it: `10`, `30 min`, `500 MB`. Raises AlertError."""
    found = measure(key)
    factors = FACTORS.get(found.unit_name, {}) if found else {}
    match = re.fullmatch(r"(-?[0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([A-Za-z%]*)", text.strip())
    if not match or (match[2] and match[2].lower() not in factors):
        example = {"seconds": "90, 30 min or 2 h", "bytes": "500 MB or 2 GB", "%": "10"}.get(
            found.unit_name if found else "", "10")
        raise AlertError(f"{text[:40]!r} is no value of this measure: use such as {example}.", field)
    return float(match[1]) * factors.get(match[2].lower(), 1)


def length(text: str, field: str, most: int = 30 * 86400) -> int:
    """Seconds as somebody types them: `90`, `15 min`, `2 h`. Raises AlertError."""
    match = re.fullmatch(r"([0-9]{1,9})\s*([A-Za-z]*)", text.strip())
    factor = FACTORS["seconds"].get(match[2].lower() or "s") if match else None
    if not match or factor is None or int(match[1]) * factor > most:
        raise AlertError(f"{text[:40]!r} is no length of time up to {span(most)}: use such as 90 s, 15 min or 2 h.",
                         field)
    return int(match[1]) * factor


def spoken(seconds: int) -> str:
    """The same length for a form: what `length` reads."""
    for factor, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds and seconds % factor == 0:
            return f"{seconds // factor} {unit}"
    return f"{seconds} s"


def condition(rule: Rule) -> str:
    """When a rule fires: `Failure rate above 10 % in 10 min`."""
    found = measure(rule.measure)
    title = found.title if found else rule.measure
    text = title if found and found.unit is YES_OR_NO else f"{title} {rule.compare} {shown(rule.measure, rule.bound)}"
    if found and found.windowed:
        text += f" in {spoken(rule.window)}"
    if found and found.windowed and rule.minimum > 1:
        text += f", of {rule.minimum} at least"
    if rule.lane or rule.job:
        text += f", {'lane ' + rule.lane if rule.lane else ''}{' ' if rule.lane and rule.job else ''}" \
                f"{'job ' + rule.job if rule.job else ''}"
    return f"{text}, for {spoken(rule.hold)}" if rule.hold else text


def sentence(rule: Rule, target: str, reading: Reading) -> str:
    """What is the matter: `Failure rate: 42 % (21 of 50 in 10 min), above 10 %.`"""
    found = measure(rule.measure)
    title = found.title if found else rule.measure
    if found and found.unit is YES_OR_NO:
        return (reading.note or f"{title}.")[:400]
    note = f" ({reading.note})" if reading.note else ""
    of = f" of {target}" if target else ""
    return (f"{title}{of}: {shown(rule.measure, reading.value)}{note}, {rule.compare} "
            f"{shown(rule.measure, rule.bound)}.")[:400]


def headline(alert: Alert, transition: str) -> str:
    """The first line of a message: `Firing: Many tasks fail`."""
    return f"{transition.capitalize()}: {alert}"
