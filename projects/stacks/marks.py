"""Marks: what a comment directly above a line of a Procfile says to Hub about that process.

    # hub: depends_on=db,cache ready=http:/health ready_timeout=30
    web: ./serve --port $PORT

To foreman and honcho a mark is a comment. The words:

- `one-shot`: runs once; done when it exits with 0.
- `depends_on=a,b`: starts when these are ready (a one-shot: has ended well).
- `ready=tcp`, `ready=http:/path`, `ready=up`; `ready_timeout=SECONDS`; `stay_up=SECONDS` (with `ready=up`).
- `restart=always|on-failure|no`, `instances=N`, `stop_signal=SIGINT`, `stop_grace=SECONDS`.
- `port`: listens on `$PORT` though its command does not say so; `port=8000`: and this is its number; `no-port`.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from projects.stacks.formation import MAX_INSTANCES
from projects.stacks.spec import RestartPolicy, StackError
from projects.stacks.textfile import line_error

_MARK = re.compile(r"#\s*hub:(.*)", re.IGNORECASE | re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_MAX_SECONDS = 86_400
WORDS = ("one-shot", "depends_on", "ready", "ready_timeout", "stay_up", "restart", "instances", "stop_signal",
         "stop_grace", "port", "no-port")


@dataclass(slots=True)
class Marks:
    """What the marks of one process say; None or False where they say nothing. `lines`: the line of each word."""

    lines: dict[str, int]
    one_shot: bool = False
    depends_on: tuple[str, ...] = ()
    ready: Literal["tcp", "http", "up"] | None = None
    ready_path: str = "/"
    ready_timeout: float | None = None
    stay_up: float | None = None
    restart: RestartPolicy | None = None
    instances: int | None = None
    stop_signal: str | None = None
    stop_grace: float | None = None
    port: bool = False
    port_number: int | None = None
    no_port: bool = False


def words_of(comment: str) -> list[str] | None:
    """The words of a comment line that is a mark; None when it is an ordinary comment."""
    match = _MARK.fullmatch(comment)
    return match[1].split() if match else None


def parse(comments: list[tuple[int, list[str]]], file: Path | None) -> Marks:
    """The marks in these `(line, words)`. StackError with the line for an unknown word or a bad value."""
    marks = Marks(lines={})
    for line, words in comments:
        for word in words:
            key, has_value, value = word.partition("=")
            if key not in WORDS:
                raise line_error(file, line, f'Hub does not know the mark "{key[:40]}".', f"Known: {', '.join(WORDS)}.")
            if key in marks.lines:
                raise line_error(file, line, f"{key} stands twice.", f"Keep one {key}.")
            marks.lines[key] = line
            try:
                _set(marks, key, value if has_value else None)
            except ValueError as error:
                raise line_error(file, line, f"{key} {error}.") from None
    _check_together(marks, file)
    return marks


def _set(marks: Marks, key: str, value: str | None) -> None:
    """Take over one word; ValueError, whose text completes a sentence that begins with the word, when it is bad."""
    if key in ("one-shot", "no-port"):
        if value is not None:
            raise ValueError("takes no value")
        setattr(marks, key.replace("-", "_"), True)
        return
    if key == "port" and value is None:
        marks.port = True
        return
    if not value:
        raise ValueError(f"needs a value, like {key}={_EXAMPLES[key]}")
    if key == "depends_on":
        marks.depends_on = _names(value)
    elif key == "ready":
        marks.ready, marks.ready_path = _ready(value)
    elif key == "restart":
        if value not in ("always", "on-failure", "no"):
            raise ValueError("is always, on-failure or no")
        marks.restart = value
    elif key == "instances":
        marks.instances = _whole(value, 0, MAX_INSTANCES)
    elif key == "stop_signal":
        marks.stop_signal = _signal(value)
    elif key == "port":
        marks.port, marks.port_number = True, _whole(value, 1, 65535)
    else:
        setattr(marks, key, _seconds(value, above_zero=key == "ready_timeout"))


_EXAMPLES = {"depends_on": "db,cache", "ready": "http:/health", "ready_timeout": "30", "stay_up": "2",
             "restart": "on-failure", "instances": "2", "stop_signal": "SIGINT", "stop_grace": "10", "port": "8000"}


def _names(value: str) -> tuple[str, ...]:
    names = value.split(",")
    if not all(_NAME.fullmatch(name) for name in names):
        raise ValueError("needs names of processes with commas between, like depends_on=db,cache, and no spaces")
    return tuple(dict.fromkeys(names))


def _ready(value: str) -> tuple[Literal["tcp", "http", "up"], str]:
    kind, has_path, path = value.partition(":")
    if kind == "http" and (not has_path or path.startswith("/")) and path.isascii() and path.isprintable():
        return "http", path or "/"
    if value in ("tcp", "up"):
        return value, "/"
    raise ValueError("is tcp, up, or http:/path")


def _whole(value: str, lowest: int, highest: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value) or not lowest <= int(value) <= highest:
        raise ValueError(f"needs a whole number from {lowest} to {highest}")
    return int(value)


def _seconds(value: str, *, above_zero: bool) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value):
        raise ValueError("needs a number of seconds, like 10 or 0.5")
    seconds = float(value)
    if (above_zero and seconds == 0) or seconds > _MAX_SECONDS:
        raise ValueError(f"needs seconds {'above' if above_zero else 'from'} 0, up to {_MAX_SECONDS}")
    return seconds


def _signal(value: str) -> str:
    name = value.upper() if value.upper().startswith("SIG") else f"SIG{value.upper()}"
    if name not in signal.Signals.__members__:
        raise ValueError("needs the name of a signal, like SIGINT")
    return name


def _check_together(marks: Marks, file: Path | None) -> None:
    if marks.port and marks.no_port:
        raise _contradiction(marks, file, "no-port", "port")
    if marks.no_port and marks.ready in ("tcp", "http"):
        raise _contradiction(marks, file, "ready", "no-port")
    if marks.stay_up is not None and marks.ready in ("tcp", "http"):
        raise _contradiction(marks, file, "stay_up", "ready")
    if marks.one_shot and marks.ready:
        raise _contradiction(marks, file, "ready", "one-shot")
    if marks.one_shot and marks.restart == "always":
        raise _contradiction(marks, file, "restart", "one-shot")


def _contradiction(marks: Marks, file: Path | None, one: str, other: str) -> StackError:
    return line_error(file, marks.lines[one], f"{one} and {other} contradict each other.", "Keep one of the two.")
