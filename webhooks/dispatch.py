"""What `watch` does for webhooks: have a task send what is new."""

from __future__ import annotations

from contextlib import suppress

from events.relay.numbering import last_position
from tasks.actions import enqueue
from tasks.errors import SubjectBusy
from tasks.models import Task
from tasks.states import ACTIVE
from webhooks.following import following
from webhooks.jobs import Deliver
from webhooks.models import State, Subscription


def dispatch() -> list[str]:
    """Enqueue a task for each subscription that has something to get and no task yet."""
    behind = list(Subscription.objects.filter(state=State.ON, position__lt=last_position()))
    if not behind:
        return []
    subjects = [one.task_subject for one in behind]
    busy = set(Task.objects.filter(subject__in=subjects, state__in=sorted(ACTIVE)).values_list("subject", flat=True))
    for one in behind:
        if one.task_subject not in busy and following(one, 1):
            with suppress(SubjectBusy):
                enqueue(Deliver, {"subscription": one.pk}, subject=one.task_subject, priority=4)
    return []
