"""Which nodes there are, and whether they answer.

A node answers while its `watch` writes its row, or a worker of it is alive in Redis. Ages are taken by the database's
clock alone, so that hosts whose clocks disagree do not look dead to each other.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import DurationField, ExpressionWrapper, F, Q
from django.db.models.functions import Now

from tasks import queue
from tasks.errors import BadTask
from tasks.nodes.models import Node
from tasks.processes import here

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
BEAT_EVERY = 5.0
# Seconds after which a watch that should be heard of every five is taken for dead; workers have the same.
SILENT = 20.0


class BadNode(BadTask):
    """That name is no node's, or cannot be one's."""

    def __init__(self, message: str):
        super().__init__(message, "node")


class NodeTaken(Exception):
    """Another data folder works under this name just now: projects would be started on the wrong host."""


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """A node as it is now. `workers`: how many are alive, None while Redis does not answer. `watch_age`: seconds since
    its `watch` was heard of, None when it never was; `seen_at` is the time of that."""

    name: str
    host: str
    seen_at: datetime | None
    watch_age: float | None
    workers: int | None
    is_here: bool

    @property
    def is_watched(self) -> bool:
        return self.watch_age is not None and self.watch_age <= SILENT

    @property
    def answers(self) -> bool:
        """Whether anything of it is alive."""
        return self.is_watched or bool(self.workers)

    @property
    def is_well(self) -> bool:
        """Whether its projects are looked at and its tasks are worked on, as far as that can be known."""
        return self.is_watched and self.workers != 0


def checked(name: str) -> str:
    """The name, seen to be one that a node may have. Raises BadNode."""
    if not NAME.fullmatch(name):
        raise BadNode(f"{name[:80]!r} cannot be the name of a node: use 1 to 64 letters, digits, '-' or '_'.")
    return name


def names() -> list[str]:
    """Every node that was ever heard of, and this one."""
    return sorted({settings.HUB_NODE, *Node.objects.values_list("name", flat=True)})


def known(name: str) -> str:
    """The name of a node that there is. Raises BadNode, which names those there are."""
    if name != settings.HUB_NODE and not Node.objects.filter(pk=checked(name)).exists():
        raise BadNode(f"There is no node {name}: use {', '.join(names())}.")
    return name


def join(name: str, *, is_watch: bool = False) -> None:
    """Say that this data folder works under that name; `is_watch`, that its `watch` is alive. Raises NodeTaken while
    the watch of another folder does, and BadNode."""
    values = {"home": settings.ENV.home, **({"host": here().host, "seen_at": Now()} if is_watch else {})}
    mine = Q(home__in=["", settings.ENV.home]) | Q(seen_at=None) | Q(seen_at__lt=Now() - timedelta(seconds=SILENT))
    own = Node.objects.filter(mine, pk=checked(name))
    if own.update(**values):
        return
    try:
        with transaction.atomic():
            Node.objects.create(name=name, **{"host": here().host, **values})
    except IntegrityError:
        if own.update(**values):  # another worker of this folder was first, a moment ago
            return
        host = Node.objects.filter(pk=name).values_list("host", flat=True).first() or "another host"
        raise NodeTaken(
            f"The node {name} is alive on {host}, with another data folder. Set HUB_NODE to a name of its own here."
        ) from None


def nodes(*, with_workers: bool = True) -> list[NodeInfo]:
    """Every node there is, by name; this one also when it was never heard of. Without workers Redis is not asked."""
    workers: list[str] | None = None
    with contextlib.suppress(queue.QueueAway):
        workers = [one.node for one in queue.workers_alive()] if with_workers else None
    age = ExpressionWrapper(Now() - F("seen_at"), output_field=DurationField())
    rows = {row.name: row for row in Node.objects.annotate(age=age)}
    found = []
    for name in sorted({settings.HUB_NODE, *rows}):
        row = rows.get(name)
        seen = row is not None and row.seen_at is not None
        found.append(NodeInfo(
            name, row.host if row else here().host, row.seen_at if seen else None,
            max(row.age.total_seconds(), 0.0) if seen else None,
            None if workers is None else workers.count(name), name == settings.HUB_NODE,
        ))  # fmt: skip
    return found


def node(name: str) -> NodeInfo | None:
    """One node as it is now; None when there is none of that name."""
    return next((one for one in nodes() if one.name == name), None)


def since(found: NodeInfo) -> str:
    """What there is to say of a node that does not answer: `has not answered since 12:00:07 UTC`."""
    if found.seen_at is None:
        return "has never answered"
    return f"has not answered since {moment(found.seen_at)}"


def moment(at: datetime) -> str:
    """A time as it stands in sentences, with its day when it is not today."""
    at = at.astimezone(UTC)
    return f"{at:%H:%M:%S} UTC" if at.date() == datetime.now(UTC).date() else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def waits_for(name: str) -> str:
    """Why a task of that node does not begin now, in a sentence; empty while a worker of it is alive."""
    found = node(name) if name else None
    if found is None or found.workers is None or found.workers:
        return ""
    return f"It waits for its node {name}, which {'has no worker' if found.answers else since(found)}."


def watched_hosts() -> set[str]:
    """The hosts, as in `Attempt.host`, whose own `watch` is alive: it sees their processes, and needs no guess."""
    alive = Node.objects.filter(seen_at__gte=Now() - timedelta(seconds=SILENT))
    return set(alive.values_list("host", flat=True))
