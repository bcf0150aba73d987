"""One error, ready to leave: nothing in it but what may."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

LONGEST = 20_000


@dataclass(frozen=True, slots=True)
class Frame:
    """A line of a traceback. Values of variables are never read."""

    file: str
    line: int
    function: str
    code: str


@dataclass(frozen=True, slots=True)
class Report:
    """`time` in seconds since 1970; `kind` and `frames` are empty where nothing was raised; `correlation` where no
    action was in force."""

    time: float
    level: str
    logger: str
    message: str
    correlation: str
    pid: int
    kind: str
    raised: str
    frames: tuple[Frame, ...]
    stack: str

    @classmethod
    def of(cls, record: logging.LogRecord, scrub: Callable[[str], str]) -> Report:
        """What a line of the log says, scrubbed."""
        told = str(getattr(record, "correlation_id", "-"))
        kind, raised, frames, stack = "", "", (), ""
        if record.exc_info and (error := record.exc_info[1]) is not None:
            kind, raised = type(error).__name__, scrub(str(error))[:LONGEST]
            frames = tuple(_frames(record.exc_info[2], scrub))
            stack = scrub("".join(traceback.format_exception(error)))[-LONGEST:]
        return cls(record.created, record.levelname, record.name, scrub(record.getMessage())[:LONGEST],
                   "" if told == "-" else told, record.process or 0, kind, raised, frames, stack)


def _frames(found: TracebackType | None, scrub: Callable[[str], str]) -> list[Frame]:
    return [Frame(one.filename, one.lineno or 0, one.name, scrub(one.line or ""))
            for one in traceback.extract_tb(found)]
