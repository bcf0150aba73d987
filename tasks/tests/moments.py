"""`python -m tasks.tests.moments`: two transactions at one moment, on a database where they do not take turns (that of
the environment, migrated), and with no Redis. Prints what became of whoever waited, as one line of JSON."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import django

django.setup()

from django.db import connections, transaction  # noqa: E402 - Django has to be set up before

from tasks.actions import enqueue  # noqa: E402 - as above
from tasks.jobs import Sleep  # noqa: E402 - as above
from tasks.models import Task  # noqa: E402 - as above
from tasks.rescue import Rescuer  # noqa: E402 - as above
from tasks.runner import claim  # noqa: E402 - as above
from tasks.settle import Ending, settle  # noqa: E402 - as above

SLEEP = {"seconds": 1}
PATIENCE = 30


@contextmanager
def uncommitted(act: Callable[[], object]) -> Iterator[None]:
    """Another transaction does this before the block, and is committed after it."""
    done, over = threading.Event(), threading.Event()

    def work() -> None:
        try:
            with transaction.atomic():
                act()
                done.set()
                assert over.wait(PATIENCE)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    assert done.wait(PATIENCE)
    try:
        yield
    finally:
        over.set()
        thread.join()


def ended(task: Task) -> Callable[[], object]:
    """What ends a task that is taken here."""
    attempt = claim(task.pk, "w")
    return lambda: settle(attempt.task, "succeeded", Ending(attempt=1))


def state(task: Task) -> str:
    return Task.objects.get(pk=task.pk).state


def written_while_its_need_ends() -> list[str]:
    """It is written after the end has looked who waits, and committed before the end is: neither sees the other."""
    first = enqueue(Sleep, SLEEP)
    with uncommitted(ended(first)):
        task = enqueue(Sleep, SLEEP, depends_on=[first])
    before = state(task)
    Rescuer().rescue()
    return [before, state(task)]


def the_last_two_end_at_once() -> list[str]:
    """Neither sees the other end; the one that is the last to commit looks again."""
    first, second = enqueue(Sleep, SLEEP), enqueue(Sleep, SLEEP)
    task = enqueue(Sleep, SLEEP, depends_on=[first, second])
    with uncommitted(ended(first)):
        ended(second)()
        before = state(task)
    return [before, state(task)]


def somebody_holds_its_row() -> list[str]:
    """Who ends what it needs does not wait for that."""
    first = enqueue(Sleep, SLEEP)
    task = enqueue(Sleep, SLEEP, depends_on=[first])
    end = ended(first)
    with uncommitted(lambda: Task.objects.select_for_update().get(pk=task.pk)):
        end()
        before = [state(first), state(task)]
    Rescuer().rescue()
    return [*before, state(task)]


if __name__ == "__main__":
    moments = (written_while_its_need_ends, the_last_two_end_at_once, somebody_holds_its_row)
    try:
        print(json.dumps({moment.__name__: moment() for moment in moments}))
    finally:
        Task.objects.all().delete()
