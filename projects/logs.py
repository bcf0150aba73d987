"""What the services of a project said: each for itself, or all of them merged by time."""

from __future__ import annotations

import heapq
import re
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from projects import placement
from projects.binding import engine_of, running_stack
from projects.engines.base import EngineError, LogChunk, Moment
from projects.errors import ProjectError
from projects.models import Project
from projects.stacks.spec import Stack

MAX_TAIL = 10_000
MAX_QUERY = 200
# A search ends after so many seconds, and keeps so many of the newest hits.
SEARCH_SECONDS, MAX_HITS = 2.0, 500
LONG_AGO = datetime.min.replace(tzinfo=UTC)
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Entry:
    """A line with who said it, and when, where that is known."""

    source: str
    text: str
    moment: Moment | None


@dataclass(frozen=True, slots=True)
class Merged:
    """Lines of several sources by time. `cursor` is where the next read goes on; `missed` names the sources of which
    lines between an earlier cursor and these are gone."""

    entries: tuple[Entry, ...]
    cursor: str
    run: int
    missed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The newest hits of a search, by time, how many there were in all, and how many lines were looked at. `unread`
    names the sources that were not read to their end when the time was up."""

    entries: tuple[Entry, ...]
    hits: int
    lines: int
    unread: tuple[str, ...]


def read_log(project: Project, service: str, tail: int = 200, after: int | None = None, run: int | None = None,
             since: datetime | None = None) -> LogChunk:
    """The last `tail` lines of a service, or those after an offset that an earlier chunk ended at; with `since` only
    those that may have been written then or later (a line of which nobody knows when is left out).

    `run` is one of `runs`; without it the newest. ProjectError for a service or run that the project does
    not have, and for a project of another node.
    """
    placement.require_here(project, "its logs")
    stack = running_stack(project)
    _check(project, stack, [service], tail, run)
    return _read(project, stack, service, tail, after, run, since)


def read_all(project: Project, sources: Sequence[str] = (), tail: int = 200, cursor: str = "", run: int | None = None,
             since: datetime | None = None) -> Merged:
    """The last `tail` lines of several services by time, or what came after a cursor. Without `sources`, all."""
    stack = running_stack(project)
    names = list(sources) or sources_of(stack)
    _check(project, stack, names, tail, run)
    run = _run(project, stack, run)
    offsets = _offsets(cursor) if cursor else {}
    lists, missed = [], []
    for name in names:
        # A source that the cursor does not name began after it: all of it is new.
        chunk = _read(project, stack, name, tail, offsets.get(name, 0) if cursor else None, run, since)
        offsets[name] = chunk.offset
        if chunk.missed:
            missed.append(name)
        lists.append([Entry(name, text, moment) for text, moment in _pairs(chunk)])
    entries = list(_by_time(lists))[-tail:]
    return Merged(tuple(entries), ",".join(f"{name}:{offsets[name]}" for name in names), run or 0, tuple(missed))


def search(project: Project, text: str, sources: Sequence[str] = (), run: int | None = None,
           since: datetime | None = None) -> Found:
    """The lines that hold a text (as it is written; upper and lower case are the same), in all that is kept of a run.
    It takes no more than `SEARCH_SECONDS`, shared by the sources; of many hits the newest `MAX_HITS` are kept."""
    stack = running_stack(project)
    names = list(sources) or sources_of(stack)
    _check(project, stack, names, 1, run)
    if not 1 <= len(text) <= MAX_QUERY:
        raise ProjectError(f"Search for 1 to {MAX_QUERY} characters.", field="search")
    run = _run(project, stack, run)
    wanted = re.compile(re.escape(text), re.IGNORECASE)
    lists: list[deque[Entry]] = []
    hits = lines = 0
    unread = []
    ends = time.monotonic() + SEARCH_SECONDS
    for place, name in enumerate(names):
        found: deque[Entry] = deque(maxlen=MAX_HITS)
        lists.append(found)
        share = time.monotonic() + max(0.0, ends - time.monotonic()) / (len(names) - place)
        for chunk in engine_of(project).history(stack, name, run=run, since=since):
            lines += len(chunk.lines)
            for said, moment in _pairs(chunk):
                if wanted.search(said):
                    hits += 1
                    found.append(Entry(name, said, moment))
            if time.monotonic() >= share:
                unread.append(name)
                break
    return Found(tuple(list(_by_time(lists))[-MAX_HITS:]), hits, lines, tuple(unread))


def stream(project: Project, sources: Sequence[str] = (), run: int | None = None,
           since: datetime | None = None) -> Iterator[Entry]:
    """All that is kept, by time, never more of it in memory than a chunk of each source. What is wrong with the
    question is raised at once, not at the first line."""
    stack = running_stack(project)
    names = list(sources) or sources_of(stack)
    _check(project, stack, names, 1, run)
    run = _run(project, stack, run)
    return _by_time([_entries(project, stack, name, run, since) for name in names])


def runs(project: Project) -> list[int]:
    """The runs whose logs are kept, newest first."""
    placement.require_here(project, "its logs")
    return engine_of(project).runs(running_stack(project))


def sources_of(stack: Stack) -> list[str]:
    """Everything of a stack that has a log of its own: each instance of each service."""
    return [instance for spec in stack.services for instance in spec.instance_names()]


def sources_in(project: Project, service: str = "") -> list[str]:
    """The names of what has a log; of one service only its own."""
    stack = running_stack(project)
    if not service:
        return sources_of(stack)
    return next((spec.instance_names() for spec in stack.services if spec.name == service), [service])


def since_of(text: str, now: datetime | None = None) -> datetime | None:
    """The moment that `10m`, `2h`, `30s`, `1d` or an ISO time names, None for nothing. ProjectError for all else."""
    text = text.strip()
    if not text:
        return None
    if match := re.fullmatch(r"(\d{1,6})\s*(s|m|min|h|d)", text):
        return (now or timezone.now()) - timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ProjectError(f"{text[:40]!r} is no time.", field="since",
                           hint="Say 30s, 10m, 2h or 1d, or a time such as 2026-11-22T18:30:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _read(project: Project, stack: Stack, name: str, tail: int, after: int | None, run: int | None,
          since: datetime | None) -> LogChunk:
    # Only where it is asked for: an engine may have a quicker way without.
    more = {} if since is None else {"since": since}
    return engine_of(project).logs(stack, name, tail=tail, after=after, run=run, **more)


def _check(project: Project, stack: Stack, names: Sequence[str], tail: int, run: int | None) -> None:
    placement.require_here(project, "its logs")
    known = [name for spec in stack.services for name in (spec.name, *spec.instance_names())]
    for name in names:
        if name not in known:
            raise ProjectError(f"{project.name} has no service named {name[:100]}.", field="service",
                               hint=f"Services: {', '.join(dict.fromkeys(known))}.")
    if not 1 <= tail <= MAX_TAIL:
        raise ProjectError(f"tail must be from 1 to {MAX_TAIL}.", field="tail")
    if run is not None and run not in engine_of(project).runs(stack):
        raise ProjectError(f"The log of run {run} is not kept.", field="run")


def _run(project: Project, stack: Stack, run: int | None) -> int | None:
    """The run to read all sources of: named once, so that a run which begins meanwhile does not mix with it."""
    return next(iter(engine_of(project).runs(stack)), None) if run is None else run


def _pairs(chunk: LogChunk) -> list[tuple[str, Moment | None]]:
    moments = chunk.moments or (None,) * len(chunk.lines)
    return list(zip(chunk.lines, moments, strict=True))


def _entries(project: Project, stack: Stack, name: str, run: int | None, since: datetime | None) -> Iterator[Entry]:
    for chunk in engine_of(project).history(stack, name, run=run, since=since):
        for text, moment in _pairs(chunk):
            yield Entry(name, text, moment)


def _by_time(lists: Sequence) -> Iterator[Entry]:
    """Entries of several sources, each in its own order, as one. A line whose time nobody knows stays behind the one
    before it of its source."""
    return (entry for _, entry in heapq.merge(*(_placed(entries) for entries in lists), key=lambda pair: pair[0]))


def _placed(entries) -> Iterator[tuple[datetime, Entry]]:
    at = LONG_AGO
    for entry in entries:
        if entry.moment is not None:
            at = max(at, entry.moment.at)
        yield at, entry


def _offsets(cursor: str) -> dict[str, int]:
    """What `Merged.cursor` says. ProjectError for anything else."""
    offsets = {}
    for part in cursor.split(","):
        name, _, number = part.rpartition(":")
        if not name or not (number.isascii() and number.isdigit() and len(number) <= 40):
            raise ProjectError("This is no cursor of a log.", field="cursor", hint="Read the log anew.")
        offsets[name] = int(number)
    return offsets


__all__ = ["EngineError", "Entry", "Found", "Merged", "read_all", "read_log", "runs", "search", "since_of",
           "sources_in", "sources_of", "stream"]
