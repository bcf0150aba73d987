"""The only writer of a project's state."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from events.actions import record
from projects.models import Project
from projects.states import MOVES


def move(project: Project, to: str, *, reason: str = "", **fields: Any) -> bool:
    """Move a project to another state, with its event, in one transaction. False, and nothing written, when the move
    is not in the table or somebody else moved it first. `fields` are written with it. `project` is brought up to date.
    """
    now = timezone.now()
    fields = {"state": to, "state_since": now, "reason": reason, "reason_at": now if reason else None, **fields}
    # Both or neither, and with the caller's own transaction where there is one: that needs no point to return to.
    with transaction.atomic(savepoint=False):
        moved = Project.objects.filter(pk=project.pk, state__in=MOVES[to]).update(**fields)
        if not moved:
            return False
        record(f"project.{to}", {"project": project.pk, "name": project.name, "from": project.state, "reason": reason},
               about=project.subject)
    for name, value in fields.items():
        setattr(project, name, value)
    return True
