"""Limits of lanes and subjects: how many tasks may run at a time, and how many may start in a period.

The claim decides, in its transaction, with the limit's row locked: no limit is ever passed. A task of a closed lane
goes back to the front of its queue, and the lane gets a sign (`tasks.closings`), so that workers leave it alone. A task
whose subject has no room is held outside of the queues, so that others behind it may start. Both are let in again when
a task ends, and by `watch`, which reviews all limits every two seconds.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from functools import partial

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Left, Length, Substr

from events.statements import Clause
from tasks import closings, queue
from tasks.models import Lane, SubjectCap, Task
from tasks.settle import push
from tasks.states import TaskState

logger = logging.getLogger(__name__)

CLOSING = Q(paused=True) | Q(cap__isnull=False) | Q(rate__isnull=False)
# Of a cap's prefix: not `startswith`, for which upper and lower case are the same on SQLite.
BEGINS = Q(prefix=Substr(OuterRef("subject"), 1, Length("prefix")))
LIMITED = Exists(Lane.objects.filter(CLOSING, name=OuterRef("lane"))) | Exists(SubjectCap.objects.filter(BEGINS))
# A task that no limit is about: it costs its claim no query more.
UNLIMITED = Clause(lambda: Task.everything.filter(~LIMITED))


class Refused(Exception):
    """A task may not start now."""


def admit(task: Task) -> None:
    """In the transaction of a claim that has just made the task `running`: count it in, or raise Refused, which has to
    roll that transaction back."""
    task.limited = True
    lane = Lane.objects.select_for_update().filter(CLOSING, name=task.lane).first()
    if lane is not None:
        now, others = time.time(), _running(task.lane) - 1
        if closed_until(lane, others, now) is not None:
            raise Refused(f"The lane {lane.name} is closed.")
        if lane.rate:
            lane.starts = [*lane.starts, now][-lane.rate:]
            lane.save(update_fields=["starts"])
        if closed_until(lane, others + 1, now) is not None:
            transaction.on_commit(partial(_sign, lane.name))
    for cap in caps_of(task.subject).select_for_update():
        if _about(cap).filter(state=TaskState.RUNNING).count() > cap.cap:
            raise Refused(_full(cap))


def turn_away(task_id: str) -> None:
    """After a claim was refused: put the task back to the front of its queue, or hold it while its subject is full."""
    task = Task.everything.filter(pk=task_id, state=TaskState.QUEUED).first()
    if task is None:
        return
    _sign(task.lane)
    caps = list(caps_of(task.subject))
    full = [cap for cap in caps if _about(cap).filter(state=TaskState.RUNNING).count() >= cap.cap]
    if not full:
        push(task, first=True)
        return
    Task.everything.filter(pk=task.pk, state=TaskState.QUEUED).update(held=True, reason=_full(full[0]))
    # One may have ended between the look and that line, and seen nobody to let in.
    let_in(caps)


def left(task: Task) -> None:
    """A limited task has ended: let the next one in."""
    _sign(task.lane)
    let_in(caps_of(task.subject))


def let_in(caps: Iterable[SubjectCap]) -> int:
    """Put held tasks back on their queues, as many as their caps have room for; returns how many."""
    number = 0
    for cap in caps:
        tasks = _about(cap)
        room = cap.cap - tasks.filter(state=TaskState.RUNNING).count()
        # Those that would come next, whether held or not: no newcomer passes one that is held. Each goes before those
        # that were let in earlier, so the first is the last.
        number += sum(_release(task) for task in reversed(_in_order(tasks)[:max(room, 0)]) if task.held)
    return number


def review() -> list[str]:
    """Compare all signs with the rows, and let in what has room; called by `watch`, so that no death closes a lane."""
    for lane in Lane.objects.all():
        _sign(lane.name)
    caps = list(SubjectCap.objects.all())
    number = let_in(caps)
    of_no_cap = Task.everything.filter(~Exists(SubjectCap.objects.filter(BEGINS)), held=True)
    number += sum(_release(task) for task in reversed(_in_order(of_no_cap)))
    return [f"{number} tasks that were held may run now."] if number else []


def closed_until(lane: Lane, running: int, now: float) -> float | None:
    """When a lane of which so many tasks run may open, in seconds since the epoch; None while it is open."""
    if lane.paused or (lane.cap is not None and running >= lane.cap):
        return closings.FOR_EVER
    if lane.rate and len(lane.starts) >= lane.rate:
        free_at = lane.starts[-lane.rate] + lane.period
        return free_at if free_at > now else None
    return None


def caps_of(subject: str) -> QuerySet[SubjectCap]:
    """The caps that count tasks about this subject."""
    prefixes = [subject[:length] for length in range(1, len(subject) + 1)]
    return SubjectCap.objects.filter(prefix__in=prefixes)


def _full(cap: SubjectCap) -> str:
    return f"Waits: at most {cap.cap} about {cap.prefix} may run at a time."


def _running(lane: str) -> int:
    return Task.everything.filter(state=TaskState.RUNNING, lane=lane).count()


def _about(cap: SubjectCap) -> QuerySet[Task]:
    return Task.everything.alias(begin=Left("subject", len(cap.prefix))).filter(begin=cap.prefix)


def _in_order(tasks: QuerySet[Task]) -> QuerySet[Task]:
    """The queued ones of these tasks in the order in which they are to start."""
    return tasks.filter(state=TaskState.QUEUED).order_by(-(F("priority") + F("gained")), "queued_at", "id")


def _release(task: Task) -> bool:
    with transaction.atomic():
        waits = Task.everything.filter(pk=task.pk, state=TaskState.QUEUED, held=True)
        if not waits.update(held=False, reason=""):
            return False
        transaction.on_commit(partial(push, task, first=True))
    return True


def _sign(name: str) -> None:
    """Hang the sign of a lane, or take it away. What changes meanwhile is signed too: who hangs one looks again, so the
    last one to hang it has seen all that was written before."""
    shown: float | str | None = "nothing"
    while True:
        lane = Lane.objects.filter(CLOSING, name=name).first()
        until = None if lane is None else closed_until(lane, _running(name), time.time())
        if until == shown:
            return
        try:
            closings.show(name, until)
        except queue.QueueAway as away:
            logger.info("The sign of lane %s is not changed: %s", name, away)
            return
        shown = until
