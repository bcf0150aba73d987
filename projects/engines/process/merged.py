"""The log of a service that may have several instances, as one."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime

from projects.engines.base import EngineError, LogChunk, Moment
from projects.engines.process.reading import Lines, end_of, rest_of, stretch_of, tail_of
from projects.engines.process.rundir import RunDir
from projects.engines.process.times import Times
from projects.stacks.spec import Stack

# The offset of a service with several instances holds that of each of them in so many bits of one number,
# which grows when any of them grows. It is enough for a terabyte of one run's log.
OFFSET_BITS = 40
STRETCH = 256 * 1024
LONG_AGO = datetime.min.replace(tzinfo=UTC)


def read_service(
    stack: Stack, rundir: RunDir, service: str, tail: int, after: int | None, run: int, since: datetime | None = None
) -> LogChunk:
    """The last `tail` lines, or those after an offset: at most `tail` of each instance, by time."""
    names = _instances(stack, service)
    logs, offset, missed = [], 0, False
    for number, name in enumerate(names):
        path, shift = rundir.log_path(run, name), number * OFFSET_BITS
        try:
            first = Times(path).offset_of(since) if since is not None else 0
            if after is None:
                some, end = tail_of(path, tail, first)
                gap = False
            else:
                begin = (after >> shift) & ((1 << OFFSET_BITS) - 1)
                some, end, gap = rest_of(path, max(begin, first), tail)
        except OSError as error:
            raise _unreadable(name, service, error) from error
        prefix = "" if len(names) == 1 else f"{name} | "
        logs.append(_timed(path, some, prefix, since))
        offset |= end << shift
        missed = missed or gap
    texts, moments = logs[0] if len(logs) == 1 else _by_time(logs)
    return LogChunk(tuple(texts), offset, run, missed, tuple(moments))


def read_history(stack: Stack, rundir: RunDir, name: str, run: int, since: datetime | None) -> Iterator[LogChunk]:
    """All that is kept of one instance's log, oldest first, to where it ended when this began."""
    if _instances(stack, name) != [name]:
        raise EngineError(f"{name} has several instances: name one of them.", service=name)
    path = rundir.log_path(run, name)
    try:
        until = end_of(path)
        offset = Times(path).offset_of(since) if since is not None else 0
        while offset < until:
            lines, end, missed = stretch_of(path, offset, STRETCH, until)
            if not lines.texts:
                return
            texts, moments = _timed(path, lines, "", since)
            yield LogChunk(tuple(texts), end, run, missed and offset > 0, tuple(moments))
            offset = end
    except OSError as error:
        raise _unreadable(name, name, error) from error


def _timed(path: str, lines: Lines, prefix: str, since: datetime | None) -> tuple[list[str], list[Moment | None]]:
    """The lines with their moments; the times are read after the lines, so that they tell of all of them."""
    texts = [prefix + text for text in lines.texts] if prefix else lines.texts
    moments = Times(path).of(lines.ends)
    if since is None:
        return texts, moments
    kept = [place for place, moment in enumerate(moments) if moment and moment.at >= since]
    return [texts[place] for place in kept], [moments[place] for place in kept]


def _by_time(logs: list[tuple[list[str], list[Moment | None]]]) -> tuple[list[str], list[Moment | None]]:
    merged = heapq.merge(*(zip(*log, strict=True) for log in logs), key=lambda one: one[1].at if one[1] else LONG_AGO)
    lines = list(merged)
    return [text for text, _ in lines], [moment for _, moment in lines]


def _unreadable(name: str, service: str, error: OSError) -> EngineError:
    return EngineError(f"The log of {name} cannot be read: {error.strerror}.", service=service)


def _instances(stack: Stack, service: str) -> list[str]:
    for spec in stack.services:
        if spec.name == service:
            return spec.instance_names()
        if service in spec.instance_names():
            return [service]
    raise EngineError(f"The stack has no service {service}.", service=service)
