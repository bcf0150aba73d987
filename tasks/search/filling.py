"""Documents for tasks that have none: of before there were any, and rows that no writer of Hub's wrote."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import Model

from events.statements import run
from tasks.search.documents import LINE, LINES, document

BATCH = 500
COLUMNS = ("id", "title", "job", "params", "error", "steps", "attempt")


def fill(task: type[Model], line: type[Model], told: Callable[[int], None] = lambda done: None) -> int:
    """Write the documents of all tasks anew, oldest first, in short transactions; returns how many. The models may be
    those of a migration. `told` hears how many are done."""
    done, last = 0, uuid.UUID(int=0)
    while True:
        with transaction.atomic():
            rows = list(task.objects.filter(pk__gt=last).order_by("pk").only(*COLUMNS)[:BATCH])
            logs = _logs(line, [row.pk for row in rows if row.attempt])
            for row in rows:
                run(document(row, logs.get(row.pk, [])))
        if not rows:
            return done
        done, last = done + len(rows), rows[-1].pk
        told(done)


def _logs(line: type[Model], keys: list[Any]) -> dict[Any, list[str]]:
    logs: dict[Any, list[str]] = defaultdict(list)
    for key in keys:
        texts = line.objects.filter(task=key).order_by("-id").values_list("text", flat=True)[:LINES]
        logs[key] = [text[:LINE] for text in reversed(texts)]
    return logs
