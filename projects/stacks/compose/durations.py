"""Durations as Compose writes them."""

from __future__ import annotations

import re

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)")


def seconds(text: object, default: float) -> float:
    """`1m30s` as 90.0; the default for what is no duration."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return float(text)
    if not isinstance(text, str) or not re.fullmatch(rf"(?:{_PART.pattern})+", text.strip()):
        return default
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
