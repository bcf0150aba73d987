"""Who acts, from where, and in which request: carried along by context variables, from a request into everything
that it causes."""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """`actor` is a user's name, `key:<name>`, `command:<login>`, `schedule:<name>` or `hub`; `via` is page, api, admin,
    command, worker or watch; `address` the client's address, empty for local ones."""

    actor: str = "hub"
    via: str = ""
    address: str = ""
    correlation_id: uuid.UUID | None = None


NOBODY = Origin()

_origin: ContextVar[Origin] = ContextVar("origin", default=NOBODY)


def current() -> Origin:
    """Where the code that runs now comes from."""
    return _origin.get()


def correlation_id() -> uuid.UUID:
    """The correlation id in force; a new one is made, and kept, where there is none."""
    origin = _origin.get()
    if origin.correlation_id is None:
        origin = Origin(origin.actor, origin.via, origin.address, uuid.uuid4())
        _origin.set(origin)
    return origin.correlation_id


@contextlib.contextmanager
def acting(*, actor: str | None = None, via: str | None = None, address: str | None = None,
           correlation: uuid.UUID | None = None) -> Iterator[Origin]:
    """Act as somebody for the length of a block; what is not given stays as it is."""
    before = _origin.get()
    origin = Origin(
        before.actor if actor is None else actor,
        before.via if via is None else via,
        before.address if address is None else address,
        correlation or before.correlation_id or uuid.uuid4(),
    )
    token = _origin.set(origin)
    try:
        yield origin
    finally:
        _origin.reset(token)


def become(actor: str) -> None:
    """Name the actor of the request at hand, once it is known who it is."""
    origin = _origin.get()
    _origin.set(Origin(actor, origin.via, origin.address, origin.correlation_id))


class CorrelationFilter(logging.Filter):
    """Gives every log record the correlation id in force, `-` where there is none."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.correlation_id = _origin.get().correlation_id or "-"
        return True
