"""The log of a service that may have several instances, as one."""

from __future__ import annotations

from projects.engines.base import EngineError, LogChunk
from projects.engines.process.reading import read_on, read_tail
from projects.engines.process.rundir import RunDir
from projects.stacks.spec import Stack

# The offset of a service with several instances holds that of each of them in so many bits of one number,
# which grows when any of them grows. It is enough for a terabyte of one run's log.
OFFSET_BITS = 40


def read_service(
    stack: Stack, rundir: RunDir, service: str, tail: int, after: int | None, run: int
) -> LogChunk:
    """The last `tail` lines, or those after an offset: at most `tail` of each instance, then the newest."""
    names = _instances(stack, service)
    lines, offset, missed = [], 0, False
    for number, name in enumerate(names):
        path, shift = rundir.log_path(run, name), number * OFFSET_BITS
        try:
            if after is None:
                some, end = read_tail(path, tail)
                gap = False
            else:
                some, end, gap = read_on(path, (after >> shift) & ((1 << OFFSET_BITS) - 1), tail)
        except OSError as error:
            raise EngineError(f"The log of {name} cannot be read: {error.strerror}.", service=service) from error
        lines += some if len(names) == 1 else [f"{name} | {line}" for line in some]
        offset |= end << shift
        missed = missed or gap
    return LogChunk(tuple(lines), offset, run, missed)


def _instances(stack: Stack, service: str) -> list[str]:
    for spec in stack.services:
        if spec.name == service:
            return spec.instance_names()
        if service in spec.instance_names():
            return [service]
    raise EngineError(f"The stack has no service {service}.", service=service)
