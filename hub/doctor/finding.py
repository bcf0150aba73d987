"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "failure"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`name` of what was looked at; `said` is one sentence, `todo` what to do about it, empty when all is well.

    A warning is what will hurt some day, a failure what does not work now.
    """

    name: str
    level: Level
    said: str
    todo: str = ""


def fine(name: str, said: str) -> Finding:
    return Finding(name, "ok", said)


def warning(name: str, said: str, todo: str) -> Finding:
    return Finding(name, "warning", said, todo)


def failure(name: str, said: str, todo: str) -> Finding:
    return Finding(name, "failure", said, todo)
