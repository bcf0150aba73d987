"""Which port a process of a Procfile listens on, and by which number its definition knows it."""

from __future__ import annotations

import re
from pathlib import Path

from projects.stacks import scripts
from projects.stacks.dotenv import Dotenv
from projects.stacks.marks import Marks
from projects.stacks.spec import StackError
from projects.stacks.textfile import line_error

BASE_PORT = 5000
"""Foreman's first port; each process type in the file gets the next hundred."""


def variable(name: str) -> str:
    """The variable that carries this process's own port: `API-V2` -> `API_V2_PORT`."""
    return f"{name.upper().replace('-', '_')}_PORT"


def declares_port(name: str, command: str, marks: Marks, folder: Path) -> bool:
    """Whether the process listens: it is marked so, named `web`, or reads its port."""
    if marks.no_port:
        return False
    return marks.port or name == "web" or takes_port(name, command, folder)


def takes_port(name: str, command: str, folder: Path) -> bool:
    """Whether the command, or the script of `folder` that it runs, reads PORT or the process's own variable.

    In the command every form of the shell counts (`$PORT`, `${PORT}`, `${PORT:-8000}`), also inside quotes, because
    `sh -c '... $PORT'` reads it there.
    """
    names = ("PORT", variable(name))
    return scripts.reads_variable(command, *names) or scripts.reads_port(folder, command, *names)


def names_port(name: str, command: str, marks: Marks, dotenv: Dotenv) -> bool:
    """Whether the number of its port stands in the Procfile or in `.env`, rather than being foreman's."""
    return bool(_default(name, command) or dotenv.values.get(variable(name)) or marks.port_number is not None)


def container_port(name: str, command: str, marks: Marks, dotenv: Dotenv, *, base: int, index: int,
                   file: Path | None, line: int) -> int:
    """The number of the port of a process that declares one, in this order: `${PORT:-N}` in its command,
    `<NAME>_PORT` in `.env`, its mark `port=N`, foreman's number: `base` plus 100 for each of the `index`
    process types above it in the file. StackError when it is no port number."""
    default = _default(name, command)
    if default:
        if not _is_port(default[1]):
            raise line_error(file, line, f"{default[1]} is not a port number.", "A port is from 1 to 65535.")
        return int(default[1])
    own = variable(name)
    if dotenv.values.get(own):
        return env_port(dotenv, own)
    if marks.port_number is not None:
        return marks.port_number
    number = base + 100 * index
    if number > 65535:
        raise line_error(file, line, f"{name} has no port number: there are too many process types above it.",
                         f"Give it one with ${{PORT:-N}} in its command or # hub: port=N above it ({own} in .env).")
    return number


def _default(name: str, command: str) -> re.Match[str] | None:
    return re.search(rf"\$\{{(?:PORT|{variable(name)}):?[-=]['\"]?([0-9]{{1,9}})['\"]?\}}", command)


def base_port(dotenv: Dotenv, foreman_port: int | None) -> int:
    """The first port by foreman's numbering: `port` in `.foreman`, else PORT in `.env`, else 5000."""
    if foreman_port is not None:
        return foreman_port
    return env_port(dotenv, "PORT") if dotenv.values.get("PORT") else BASE_PORT


def env_port(dotenv: Dotenv, name: str) -> int:
    """The port number that `.env` gives the variable `name`; StackError with its line when it is none."""
    if not _is_port(dotenv.values[name]):
        raise line_error(dotenv.file, dotenv.lines[name], f"{name} is not a port number.", "A port is from 1 to 65535.")
    return int(dotenv.values[name])


def check_variables(ports_at: dict[str, int], file: Path | None) -> None:
    """StackError when two listening processes (name -> line) would share one variable: `a-b` and `a_b`."""
    seen: dict[str, str] = {}
    for name, line in ports_at.items():
        own = variable(name)
        if own in seen:
            raise _shared(seen[own], ports_at[seen[own]], name, line, own, file)
        seen[own] = name


def _shared(first: str, first_line: int, name: str, line: int, own: str, file: Path | None) -> StackError:
    return line_error(file, line, f'"{name}" and "{first}" (line {first_line}) would share the variable {own}.',
                      "Rename one of the two.")


def _is_port(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,5}", text)) and 1 <= int(text) <= 65535
