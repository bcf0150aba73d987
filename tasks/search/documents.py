"""What full text search looks in: one document for each task.

A document is the task's words (`tasks.search.words`): its name, and what else is said of it: parameters as pages show
them, error, steps and the end of its log. Who writes a task, or ends an attempt, only notes that its document is to be
written (`Unwritten`): see `tasks.search.filling`.

On SQLite it is a row of the FTS5 table `tasks_words`, whose rowid orders as the task's id does; on PostgreSQL a
tsvector in `tasks_document`. Neither is a model: a trigger removes the document with its task.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import connection

from events.statements import Statement
from tasks.masking import masked
from tasks.models import Task
from tasks.search.rowids import rowid
from tasks.search.words import placed, words

# Characters of each part, and words of all, that can be found: a document is no archive.
PARAMS, ERROR, STEPS, LINE, LINES = 8000, 4000, 4000, 500, 20
MOST = 2000

SQLITE = "REPLACE INTO tasks_words (rowid, name, body, task) VALUES (%s, %s, %s, %s)"
POSTGRESQL = ("INSERT INTO tasks_document (task_id, words) VALUES (%s, %s::tsvector)"
              " ON CONFLICT (task_id) DO UPDATE SET words = excluded.words")
NOTE = "INSERT INTO tasks_unwritten (task) VALUES (%s)"
NOTE_GIVEN = "INSERT INTO tasks_unwritten (task) SELECT %s FROM touched"


def note(task: Task) -> Statement:
    """What notes that the document of this task is to be written."""
    if connection.vendor == "postgresql":
        return Statement(NOTE, (task.pk,), NOTE_GIVEN)
    return Statement(NOTE, (task.pk.hex,))


def note_end(task: Task) -> list[Statement]:
    """The same when an attempt has ended; nothing where nothing can have changed."""
    said = task.attempt and not task.silent
    return [note(task)] if said or task.error or task.steps or task.attempt > 1 else []


def document(task: Task, log: list[str]) -> Statement:
    """What writes the document of a task, whether it has one or not; `log` is the end of its log."""
    name, body = _words(task, log)
    if connection.vendor == "postgresql":
        return Statement(POSTGRESQL, (task.pk, _vector(name, body)))
    return Statement(SQLITE, (rowid(task.pk), " ".join(name), " ".join(body), task.pk.hex))


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
