"""Who acts, from where, and in which request: carried along by context variables, from a request into everything
that it causes."""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import Iterable, Iterator
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, replace
from typing import TypeVar

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Origin:
    """`actor` is a user's name, `key:<name>`, `command:<login>`, `schedule:<name>` or `hub`; `via` is page, api, admin,
    command, worker or watch; `address` the client's address, empty for local ones. `projects`: the numbers of those
    that exist for the actor, None for all; `looked_at`: of those that do not exist for what is done here, the ones that
    they may look at; `payloads`: whether parameters, environments and logs may be told."""

    actor: str = "hub"
    via: str = ""
    address: str = ""
    correlation_id: uuid.UUID | None = None
    projects: frozenset[int] | None = None
    looked_at: frozenset[int] | None = frozenset()
    payloads: bool = True


NOBODY = Origin()

_origin: ContextVar[Origin] = ContextVar("origin", default=NOBODY)


def current() -> Origin:
    """Where the code that runs now comes from."""
    return _origin.get()


def correlation_id() -> uuid.UUID:
    """The correlation id in force; a new one is made, and kept, where there is none."""
    origin = _origin.get()
    if origin.correlation_id is None:
        origin = replace(origin, correlation_id=uuid.uuid4())
        _origin.set(origin)
    return origin.correlation_id


@contextlib.contextmanager
def acting(*, actor: str | None = None, via: str | None = None, address: str | None = None,
           correlation: uuid.UUID | None = None) -> Iterator[Origin]:
    """Act as somebody for the length of a block; what is not given stays as it is."""
    before = _origin.get()
    origin = replace(
        before,
        actor=before.actor if actor is None else actor,
        via=before.via if via is None else via,
        address=before.address if address is None else address,
        correlation_id=correlation or before.correlation_id or uuid.uuid4(),
    )
    token = _origin.set(origin)
    try:
        yield origin
    finally:
        _origin.reset(token)


def become(actor: str, projects: frozenset[int] | None = None, payloads: bool = True,
           looked_at: frozenset[int] | None = frozenset()) -> None:
    """Name the actor of the request at hand, once it is known who it is, and what exists for them: see `Origin`."""
    _origin.set(replace(_origin.get(), actor=actor, projects=projects, payloads=payloads, looked_at=looked_at))


@contextlib.contextmanager
def seeing_all() -> Iterator[None]:
    """For the length of a block every project exists: for what must not depend on who asks."""
    token = _origin.set(replace(_origin.get(), projects=None, payloads=True))
    try:
        yield
    finally:
        _origin.reset(token)


def in_this_context(parts: Iterable[Part]) -> Iterator[Part]:
    """The same parts, each made in the context that is in force now: for an answer that is made while it is sent."""
    context, rest, end = copy_context(), iter(parts), object()
    # The context is taken here, not when the first part is asked for.
    return iter(lambda: context.run(next, rest, end), end)


class CorrelationFilter(logging.Filter):
    """Gives every log record the correlation id in force, `-` where there is none."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.correlation_id = _origin.get().correlation_id or "-"
        return True
