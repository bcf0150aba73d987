"""What full text search looks in: one document for each task, written with the task.

A document is the task's words (`tasks.search.words`): its name, and what else is said of it: parameters as pages show
them, error, steps and the end of its log. It is written when the task is, and again when an attempt has ended.

On SQLite it is a row of the FTS5 table `tasks_words`, whose rowid orders as the task's id does; on PostgreSQL a
tsvector in `tasks_document`. Neither is a model: a trigger removes the document with its task.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import connection

from events.statements import Statement
from tasks.masking import masked
from tasks.models import LogLine, Task
from tasks.search.rowids import rowid
from tasks.search.words import placed, words

# Characters of each part, and words of all, that can be found: a document is no archive.
PARAMS, ERROR, STEPS, LINE, LINES = 8000, 4000, 4000, 500, 20
MOST = 2000

SQLITE_NEW = "INSERT INTO tasks_words (rowid, name, body, task) VALUES (%s, %s, %s, %s)"
SQLITE_AGAIN = "REPLACE INTO tasks_words (rowid, name, body, task) VALUES (%s, %s, %s, %s)"
POSTGRESQL_INTO = "INSERT INTO tasks_document (task_id, words)"
POSTGRESQL_REPLACED = "ON CONFLICT (task_id) DO UPDATE SET words = excluded.words"
POSTGRESQL_NEW = f"{POSTGRESQL_INTO} VALUES (%s, %s::tsvector)"
POSTGRESQL_AGAIN = f"{POSTGRESQL_NEW} {POSTGRESQL_REPLACED}"
POSTGRESQL_GIVEN = f"{POSTGRESQL_INTO} SELECT %s, %s::tsvector FROM touched {POSTGRESQL_REPLACED}"


def first(task: Task) -> Statement:
    """What writes the document of a task that is just being written."""
    return _statement(task, [], again=False)


def again(task: Task) -> list[Statement]:
    """What writes the document anew when an attempt has ended; nothing where nothing can have changed."""
    said = task.attempt and not task.silent
    if not (said or task.error or task.steps or task.attempt > 1):
        return []
    return [_statement(task, _log_tail(task) if said else [], again=True)]


def document(task: Task, log: list[str]) -> Statement:
    """What writes the document of a task that may have none, or an old one; `log` is the end of its log."""
    return _statement(task, log, again=True)


def _log_tail(task: Task) -> list[str]:
    lines = LogLine.objects.filter(task=task.pk).order_by("-id").values_list("text", flat=True)[:LINES]
    return [line[:LINE] for line in reversed(lines)]


def _statement(task: Task, log: list[str], *, again: bool) -> Statement:
    name, body = _words(task, log)
    if connection.vendor == "postgresql":
        return Statement(POSTGRESQL_AGAIN if again else POSTGRESQL_NEW, (task.pk, _vector(name, body)),
                         POSTGRESQL_GIVEN if again else "")
    return Statement(SQLITE_AGAIN if again else SQLITE_NEW,
                     (rowid(task.pk), " ".join(name), " ".join(body), task.pk.hex))


def _words(task: Task, log: list[str]) -> tuple[list[str], list[str]]:
    name = words(f"{task.title} {task.job}")
    body = []
    if task.params:
        body += words(_text(task.params)[:PARAMS])
    if task.error:
        body += words(task.error[:ERROR])
    if task.steps:
        body += words(_labels(task.steps)[:STEPS])
    for line in log:
        body += words(line)
    return placed(name), placed(body[:MOST])


def _labels(steps: Any) -> str:
    known = [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    return "\n".join(str(step.get("label") or "") for step in known)


def _text(value: Any) -> str:
    return json.dumps(masked(value), ensure_ascii=False)


def _vector(name: list[str], body: list[str]) -> str:
    """A tsvector as text: the name has weight A, and a phrase cannot reach from it into the body."""
    places: dict[str, list[str]] = {}
    for number, word in enumerate(name, 1):
        places.setdefault(word, []).append(f"{number}A")
    for number, word in enumerate(body, len(name) + 2):
        places.setdefault(word, []).append(str(number))
    return " ".join(f"'{word}':{','.join(at[:255])}" for word, at in places.items())
