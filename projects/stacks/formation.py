"""How many of each process type run: `web=2,worker=3`, in the file `.foreman` or in the variable HUB_FORMATION.

In a `.foreman` file the rule is foreman's own (honcho does not read it): a process type that its formation does not
name is not run, unless it says `all=1`. HUB_FORMATION changes only what it names, as honcho's `-c` does; `all=N` in
it means every type that it does not name. One-shots run once unless they are named: nobody wants two migrations
because `all=2`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from projects.stacks.spec import StackError
from projects.stacks.textfile import line_error, numbered_lines, read_text

MAX_INSTANCES = 100
"""Foreman numbers ports in steps of 100: more instances would run into the next process type's."""

_PAIR = re.compile(r"([A-Za-z0-9_-]+)\s*=\s*([0-9]{1,9})")
_SETTING = re.compile(r"(formation|concurrency|port)\s*:(?:\s+(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Formation:
    """Numbers of instances by process type; `default` for types it does not name (None: it does not say)."""

    counts: dict[str, int] = field(default_factory=dict)
    default: int | None = None
    file: Path | None = None
    line: int | None = None

    def count(self, name: str, *, one_shot: bool) -> int | None:
        """Instances of the process type `name`, or None where this formation does not say."""
        return self.counts.get(name, None if one_shot else self.default)


@dataclass(frozen=True, slots=True)
class ForemanFile:
    """What Hub reads of a `.foreman` file: a formation and the base port. Foreman's other options are not read."""

    formation: Formation = Formation()
    port: int | None = None


def parse(text: str, *, source: str, file: Path | None = None, line: int | None = None,
          default: int | None = None) -> Formation:
    """A formation from `web=2,worker=3`; commas or spaces between. `source` names it in messages.

    `default` holds for what is not named unless the text has `all=N`. StackError when it is invalid.
    """
    counts: dict[str, int] = {}
    for pair in filter(None, re.split(r"[,\s]+", re.sub(r"\s*=\s*", "=", text))):
        match = _PAIR.fullmatch(pair)
        if match is None:
            raise StackError(f"{source} cannot be read.", file=file, line=line,
                             hint="Write process types and numbers, like web=2,worker=3.")
        name, count = match[1], int(match[2])
        if count > MAX_INSTANCES:
            raise StackError(f"{source} asks for {count} instances of {name}; {MAX_INSTANCES} is the most.",
                             file=file, line=line)
        counts[name] = count
    default = counts.pop("all", default)
    return Formation(counts, default, file, line)


def read_foreman(path: Path) -> ForemanFile:
    """What the `.foreman` file at `path` says; an empty ForemanFile when there is none."""
    if not path.is_symlink() and not path.exists():
        return ForemanFile()
    formation, port = Formation(), None
    for number, line in numbered_lines(read_text(path)):
        match = _SETTING.fullmatch(re.split(r"(?:^|\s)#", line, maxsplit=1)[0].rstrip())
        if match is None:
            continue
        key, value = match[1], (match[2] or "").strip().strip("'\"")
        if key == "port":
            port = _base_port(value, path, number)
        else:
            formation = parse(value, source=f".foreman, line {number}: {key}", file=path, line=number, default=0)
    return ForemanFile(formation, port)


def _base_port(value: str, path: Path, number: int) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", value) or not 1 <= int(value) <= 65535:
        raise line_error(path, number, "port is not a port number.", "Write a number from 1 to 65535.")
    return int(value)
