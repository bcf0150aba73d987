"""The ports that a service of a Compose file publishes."""

from __future__ import annotations

import re
from typing import Any

from projects.stacks.spec import Port

MAX_RANGE = 200
_SHORT = re.compile(
    r"(?:(?:(?P<ip>\[[0-9a-fA-F:.]+\]|[^:\[\]]+):)?(?P<published>[\d-]*):)?(?P<target>\d+(?:-\d+)?)(?:/(?P<protocol>\w+))?\Z"
)


class BadPort(ValueError):
    """A port that Compose would not read either; the message says what is wrong."""


def ports_of(entries: Any, *, row: bool = False) -> tuple[Port, ...]:
    """Every container port that is published, in the file's order, once each: short and long syntax, ranges, UDP."""
    if entries is None:
        return ()
    if not isinstance(entries, list):
        raise BadPort("ports must be a list")
    found: dict[tuple[int, str], Port] = {}
    for entry in entries:
        targets, protocol = _long(entry) if isinstance(entry, dict) else _short(str(entry))
        if protocol not in ("tcp", "udp"):
            raise BadPort(f"the protocol {protocol} cannot be published by Hub: only tcp and udp")
        for target in targets:
            found.setdefault((target, protocol), Port(target, protocol, row=row))
    return tuple(found.values())


def _long(entry: dict[str, Any]) -> tuple[list[int], str]:
    return _range(str(entry.get("target", ""))), str(entry.get("protocol") or "tcp").lower()


def _short(entry: str) -> tuple[list[int], str]:
    match = _SHORT.match(entry.strip())
    if match is None:
        raise BadPort(f'"{entry[:60]}" is no port')
    return _range(match["target"]), (match["protocol"] or "tcp").lower()


def _range(text: str) -> list[int]:
    first, _, last = text.partition("-")
    if not first.isdigit() or not (last or first).isdigit():
        raise BadPort(f'"{text[:60]}" is no port')
    begin, end = int(first), int(last or first)
    if not 1 <= begin <= end <= 65535:
        raise BadPort(f"{text} is no port: they go from 1 to 65535")
    if end - begin >= MAX_RANGE:
        raise BadPort(f"{text} is a range of {end - begin + 1} ports; {MAX_RANGE} are the most that Hub leases")
    return list(range(begin, end + 1))
