"""What a way to tell people has to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

# Seconds that one delivery may take.
TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Field:
    """Something that a channel needs to know. A `secret` one is shown to nobody once it is kept."""

    name: str
    title: str
    hint: str = ""
    secret: bool = False
    required: bool = True
    many_lines: bool = False


class Kind(Protocol):
    """One way. `check` raises AlertError for values that cannot work; `send` delivers, or raises Undelivered. `key` is
    the same each time that a message is tried again: who got it before can tell."""

    key: str
    title: str
    fields: Sequence[Field]

    def check(self, config: dict[str, str]) -> None: ...

    def send(self, config: dict[str, str], message: dict[str, Any], key: str) -> None: ...
