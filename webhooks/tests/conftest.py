"""Events in the stream, a receiver, and passes of what `watch` does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from events.actions import record
from events.relay.numbering import number
from events.tests.receiver import Receiver
from tasks.models import Task
from tasks.runner import run_task
from tasks.states import TaskState
from webhooks import actions
from webhooks.dispatch import dispatch
from webhooks.models import Subscription


@pytest.fixture
def target(receiver: Callable, may_send_here: None) -> Receiver:
    """A receiver that may be sent to."""
    return receiver()


@pytest.fixture
def hook(db: None, target: Receiver) -> Subscription:
    """A webhook for everything of the domain `shop`."""
    number()
    return actions.create(name="Shop", subject="shop.>", url=target.url("/hook?key=hidden"))[0]


def say(*words: str) -> list[str]:
    """Events `shop.<word>`, with positions; their ids."""
    keys = [str(record(f"shop.{word}", {"word": word}).pk) for word in words]
    while number():
        continue
    return keys


def passes() -> list[str]:
    """What a look of `watch` enqueues is run, here; the states in which it ended."""
    while number():
        continue
    dispatch()
    waiting = Task.objects.filter(job__startswith="webhooks.", state=TaskState.QUEUED).order_by("id")
    return [run_task(str(task.pk)) for task in waiting]
