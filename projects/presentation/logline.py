"""Lines of a log as the page shows them: with their level where the text says it, and what was looked for marked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from events.words import span
from projects.engines.base import Moment
from projects.logs import Entry

LONGEST = 2000
# Colours and cursor moves are for terminals.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LEVELS = (
    ("error", re.compile(r"\b(ERROR|CRITICAL|FATAL|PANIC)\b|^\s*(\w+\.)*\w*(Error|Exception)\b:|^Traceback \(most")),
    ("warning", re.compile(r"\b(WARN|WARNING)\b")),
    ("debug", re.compile(r"\b(DEBUG|TRACE)\b")),
)


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line. `parts` are pieces of its text, each with whether it is what was looked for. `time` is when it was
    written at the latest, `exactly` says how well that is known; both are empty where nobody knows."""

    level: str
    parts: tuple[tuple[str, bool], ...]
    hit: bool
    source: str = ""
    time: str = ""
    exactly: str = ""

    @property
    def text(self) -> str:
        return "".join(piece for piece, _ in self.parts)


def lines_of(texts: Iterable[str], q: str = "") -> list[LogLine]:
    """The lines, only those that hold `q` when it is given (upper and lower case are the same)."""
    wanted = re.compile(re.escape(q), re.IGNORECASE) if q else None
    lines = []
    for text in texts:
        clean = _CONTROL.sub("", _ANSI.sub("", text))
        if len(clean) > LONGEST:
            clean = clean[:LONGEST] + " …"
        if wanted is not None and not wanted.search(clean):
            continue
        lines.append(LogLine(level_of(clean), _parts(clean, wanted), wanted is not None))
    return lines


def entry_lines(entries: Iterable[Entry], q: str = "") -> list[LogLine]:
    """The same of lines that have a source and a moment."""
    lines = []
    for entry in entries:
        for line in lines_of((entry.text,), q):
            lines.append(replace(line, source=entry.source, time=_clock(entry.moment), exactly=_exactly(entry.moment)))
    return lines


def _clock(moment: Moment | None) -> str:
    return f"{moment.at:%H:%M:%S}" if moment else ""


def _exactly(moment: Moment | None) -> str:
    if moment is None:
        return ""
    at = f"{moment.at:%Y-%m-%d %H:%M:%S.%f}"[:-3]
    return f"{at} UTC" + (f", or up to {span(moment.within)} before" if moment.within else "")


def key_line(text: str) -> str:
    """The line that most likely says why something failed: the last one with an error, else the last that says
    anything; empty for nothing."""
    said = [line for line in lines_of(text.splitlines()) if line.text.strip()]
    wrong = [line for line in said if line.level == "error"]
    return (wrong or said)[-1].text.strip() if said else ""


def level_of(text: str) -> str:
    """`error`, `warning`, `debug` or `info`, as far as the beginning of the line says."""
    start = text[:200]
    return next((level for level, pattern in _LEVELS if pattern.search(start)), "info")


def _parts(text: str, wanted: re.Pattern[str] | None) -> tuple[tuple[str, bool], ...]:
    if wanted is None:
        return ((text, False),)
    parts, at = [], 0
    for match in wanted.finditer(text):
        parts += [(text[at : match.start()], False), (match[0], True)]
        at = match.end()
    return (*parts, (text[at:], False))
