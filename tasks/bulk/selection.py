"""Which tasks a change of many is for."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from tasks.errors import BadTask
from tasks.models import Task
from tasks.retention.pruning import prunable
from tasks.search.finding import EXACT, all_of, answering
from tasks.search.query import read
from tasks.states import ENDED, WAITING, TaskState

MOST_IDS = 1000
DOES = ("cancel", "retry", "delete", "priority")


@dataclass(frozen=True, slots=True)
class Selection:
    """The tasks of these ids, or without any all that the query finds, and that were there at the time `at`."""

    q: str = ""
    ids: tuple[uuid.UUID, ...] = ()
    at: datetime | None = None

    @classmethod
    def of(cls, params: dict[str, Any]) -> Selection:
        """From `{"q"?, "ids"?, "at"?}`. Raises BadTask and BadQuery."""
        ids = params.get("ids") or []
        if len(ids) > MOST_IDS:
            raise BadTask(f"Name at most {MOST_IDS} tasks, or use a query.", "ids")
        try:
            keys = tuple(dict.fromkeys(uuid.UUID(str(each)) for each in ids))
        except ValueError:
            raise BadTask("A task is named by its id, a UUID.", "ids") from None
        at = params.get("at")
        chosen = cls(params.get("q") or "", keys, datetime.fromisoformat(at) if at else timezone.now())
        if not keys and not chosen.q.strip():
            raise BadTask("Say which tasks: with ids, or with a query.", "q")
        read(chosen.q, chosen.at)
        return chosen

    def tasks(self) -> QuerySet[Task]:
        """All of them, in no order."""
        rows = Task.objects.filter(created_at__lte=self.at)
        return rows.filter(pk__in=self.ids) if self.ids else all_of(rows, read(self.q, self.at))

    def after(self, last: uuid.UUID | None, count: int) -> list[Task]:
        """The next so many, oldest first."""
        rows = self.tasks() if last is None else self.tasks().filter(pk__gt=last)
        return list(rows.order_by("pk")[:count])


def counted(chosen: Selection, do: str) -> dict[str, int]:
    """`{"count": how many are chosen, "fits": to how many of them it can be done as they are now}`, exactly.
    Raises TooBroad and NotYet."""
    with answering(read(chosen.q, chosen.at), EXACT):
        tasks = chosen.tasks()
        return {"count": tasks.count(), "fits": tasks.filter(_fitting(do)).count()}


def _fitting(do: str) -> Q:
    if do == "cancel":
        return Q(state__in=sorted(WAITING)) | Q(state=TaskState.RUNNING)
    if do == "retry":
        return Q(state__in=sorted(ENDED))
    if do == "priority":
        return Q(state__in=sorted(WAITING))
    return Q(pk__in=prunable(Q()).order_by().values("pk"))


def titles(do: str, priority: int | None) -> str:
    """What is done, in words: `Cancel tasks`."""
    return f"Give tasks priority {priority}" if do == "priority" else f"{do.capitalize()} tasks"


def each_of(chosen: Selection, last: uuid.UUID | None, count: int) -> Iterator[list[Task]]:
    """All of them in lists of so many, oldest first, from after `last` on."""
    while rows := chosen.after(last, count):
        yield rows
        last = rows[-1].pk
