"""Reading a folder's `Procfile`, with its `.env` and `.foreman`, into a Definition for the process engine.

Lines are `name: command`; what is neither that, nor blank, nor a comment is an error with its line. `#` begins a
comment at the start of a line, or after white space outside the shell's quotes. Marks (`# hub: ...`) stand directly
above their process: no blank line between. A process named `release` is a one-shot and, as on Heroku, runs first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from projects.stacks import dotenv as dotenv_file
from projects.stacks import formation as formations
from projects.stacks import marks as process_marks
from projects.stacks import ports
from projects.stacks.formation import Formation
from projects.stacks.marks import Marks
from projects.stacks.spec import Definition, Port, Readiness, ServiceSpec, StackError
from projects.stacks.textfile import BLANKS, line_error, numbered_lines, read_text

FILENAME = "Procfile"
MAX_NAME = 64
"""A name becomes part of file names and variables."""

_ENTRY = re.compile(r"(?P<name>[^:\s]+)[ \t]*:(?P<command>.*)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_SHELL_TOKEN = re.compile(
    r"""(?P<quoted>\\.|'[^']*'|"(?:\\.|[^"\\])*")|(?P<comment>(?:^|[ \t\f\v])#)|.""", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One process line of a Procfile, with the marks above it."""

    name: str
    command: str
    line: int
    marks: Marks

    @property
    def one_shot(self) -> bool:
        return self.marks.one_shot or self.name == "release"


def read(folder: Path, extra_env: Mapping[str, str] | None = None) -> Definition:
    """The Definition of the Procfile in `folder`.

    `extra_env`, the project's own variables, counts for one thing here: its HUB_FORMATION goes before the one in
    `.env`. A process type with 0 instances is left out, and nobody waits for it. StackError for what cannot be read.
    """
    source = folder / FILENAME
    entries = parse(read_text(source), source)
    dotenv = dotenv_file.read(folder / ".env")
    foreman = formations.read_foreman(folder / ".foreman")
    counts = _counts(entries, _formations(dotenv, foreman.formation, extra_env or {}))
    base = ports.base_port(dotenv, foreman.port)
    services = {
        entry.name: _service(entry, index, counts[entry.name], base, dotenv, source)
        for index, entry in enumerate(entries)
    }
    ports.check_variables({entry.name: entry.line for entry in entries if services[entry.name].ports}, source)
    _check_dependencies(entries, source)
    running = {name: service for name, service in services.items() if counts[name]}
    if not running:
        raise StackError(f"The formation runs no process of this {FILENAME}.", file=source,
                         hint="Set at least one process type to 1 or more.")
    return Definition("process", folder, source, _ordered(running), dict(dotenv.values))


def parse(text: str, file: Path | None = None) -> list[Entry]:
    """The processes of a Procfile's text, in its order, at least one. StackError with the line when it is invalid."""
    entries: dict[str, Entry] = {}
    pending: list[tuple[int, list[str]]] = []
    expected = 0
    for number, line in numbered_lines(text.removeprefix("\ufeff")):
        if pending and number != expected:
            raise _stray_mark(file, pending)
        expected = number + 1
        if line.startswith("#"):
            words = process_marks.words_of(line)
            if words is not None or pending:
                pending.append((number, words or []))
            continue
        name, command = _split(line, file, number)
        if name in entries:
            raise line_error(file, number, f'the process "{name}" stands twice: also on line {entries[name].line}.',
                             "Give each process its own name; to run one many times, use # hub: instances=N.")
        entries[name] = Entry(name, command, number, process_marks.parse(pending, file))
        pending = []
    if pending:
        raise _stray_mark(file, pending)
    if not entries:
        raise StackError(f"The {FILENAME} has no process.", file=file, hint="Write one a line, like web: ./serve")
    return list(entries.values())


def _split(line: str, file: Path | None, number: int) -> tuple[str, str]:
    match = _ENTRY.fullmatch(line)
    if match is None or not _NAME.fullmatch(match["name"]):
        raise line_error(file, number, "this is not a process.",
                         'Write "name: command", the name of letters, digits, - and _; a command is one line.')
    name, command = match["name"], _without_comment(match["command"]).strip(BLANKS)
    if len(name) > MAX_NAME:
        raise line_error(file, number, f"the name of the process is longer than {MAX_NAME} characters.")
    if not command:
        raise line_error(file, number, f'the process "{name}" has no command.', "Write it after the colon.")
    return name, command


def _without_comment(command: str) -> str:
    for token in _SHELL_TOKEN.finditer(command):
        if token["comment"]:
            return command[: token.start()]
    return command


def _stray_mark(file: Path | None, pending: list[tuple[int, list[str]]]) -> StackError:
    return line_error(file, pending[0][0], "this mark stands above no process.",
                      "Put it directly above the line of its process.")


def _formations(dotenv: dotenv_file.Dotenv, foreman: Formation, extra_env: Mapping[str, str]) -> list[Formation]:
    """The formations that count, strongest first."""
    name = "HUB_FORMATION"
    if name in extra_env:
        return [formations.parse(extra_env[name], source="HUB_FORMATION in the project's environment"), foreman]
    if name in dotenv.values:
        line = dotenv.lines[name]
        return [formations.parse(dotenv.values[name], source=f".env, line {line}: HUB_FORMATION", file=dotenv.file,
                                 line=line), foreman]
    return [foreman]


def _counts(entries: list[Entry], strongest_first: list[Formation]) -> dict[str, int]:
    """The number of instances of each process type: its mark, else the strongest formation that says, else 1."""
    known = {entry.name for entry in entries}
    for formation in strongest_first:
        if unknown := [name for name in formation.counts if name not in known]:
            where = f"{formation.file.name}, line {formation.line}: the" if formation.file else "The"
            raise StackError(f'{where} formation names "{unknown[0]}", which is not in the {FILENAME}.',
                             file=formation.file, line=formation.line, hint=f"Processes: {', '.join(sorted(known))}.")
    counts = {}
    for entry in entries:
        said = [entry.marks.instances, *(f.count(entry.name, one_shot=entry.one_shot) for f in strongest_first), 1]
        counts[entry.name] = next(count for count in said if count is not None)
    return counts


def _service(entry: Entry, index: int, instances: int, base: int, dotenv: dotenv_file.Dotenv,
             source: Path) -> ServiceSpec:
    marks = entry.marks
    listening: tuple[Port, ...] = ()
    if ports.declares_port(entry.name, entry.command, marks, source.parent):
        number = ports.container_port(entry.name, entry.command, marks, dotenv, base=base, index=index, file=source,
                                      line=entry.line)
        listening = (Port(number, named=ports.names_port(entry.name, entry.command, marks, dotenv)),)
    spec = ServiceSpec(
        name=entry.name, command=entry.command, kind="one-shot" if entry.one_shot else "service", ports=listening,
        depends_on=marks.depends_on, instances=instances, ready=_readiness(entry, bool(listening), source),
        # A migration that failed is not tried again behind the user's back.
        restart=marks.restart or ("no" if entry.one_shot else "on-failure"), line=entry.line,
    )
    if marks.stop_signal is not None:
        spec = replace(spec, stop_signal=marks.stop_signal)
    if marks.stop_grace is not None:
        spec = replace(spec, stop_grace=marks.stop_grace)
    return spec


def _readiness(entry: Entry, listens: bool, source: Path) -> Readiness:
    marks = entry.marks
    if marks.ready in ("tcp", "http") and not listens:
        raise line_error(source, marks.lines["ready"], f'"{entry.name}" declares no port, so none can be asked.',
                         "Use $PORT in its command, or add the mark port.")
    kind = marks.ready or ("tcp" if listens and marks.stay_up is None else "up")
    ready = Readiness(kind=kind, path=marks.ready_path)
    if marks.stay_up is not None:
        ready = replace(ready, stay_up=marks.stay_up)
    if marks.ready_timeout is not None:
        ready = replace(ready, timeout=marks.ready_timeout)
    return ready


def _check_dependencies(entries: list[Entry], source: Path) -> None:
    by_name = {entry.name: entry for entry in entries}
    for entry in entries:
        for other in entry.marks.depends_on:
            if other not in by_name:
                raise line_error(source, entry.marks.lines["depends_on"],
                                 f'"{entry.name}" depends on "{other}", which is not in the {FILENAME}.',
                                 f"Processes: {', '.join(by_name)}.")
    try:
        TopologicalSorter({entry.name: entry.marks.depends_on for entry in entries}).prepare()
    except CycleError as error:
        # graphlib lists each before the one that waits for it; read backwards, "a → b" says that a waits for b.
        cycle = list(reversed(error.args[1]))
        line = min(by_name[name].marks.lines["depends_on"] for name in cycle)
        raise line_error(source, line, f"these wait for each other: {' → '.join(cycle)}.",
                         "Take one depends_on away.") from None


def _ordered(running: dict[str, ServiceSpec]) -> tuple[ServiceSpec, ...]:
    """The services that run, without dependencies on those that do not, all others waiting for `release`."""
    services = {
        name: replace(service, depends_on=tuple(other for other in service.depends_on if other in running))
        for name, service in running.items()
    }
    if "release" in services:
        before = _closure("release", services)
        for name, service in services.items():
            if name not in before and "release" not in service.depends_on:
                services[name] = replace(service, depends_on=(*service.depends_on, "release"))
    return tuple(services.values())


def _closure(name: str, services: Mapping[str, ServiceSpec]) -> set[str]:
    """`name` and all it waits for, directly or not."""
    found: set[str] = set()
    waiting: list[Iterable[str]] = [(name,)]
    while waiting:
        for other in waiting.pop():
            if other not in found:
                found.add(other)
                waiting.append(services[other].depends_on)
    return found
