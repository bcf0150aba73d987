"""A look at what changes of a task, cheap enough to be asked for all the time."""

from __future__ import annotations

import uuid

from django.db import connection

from events.context import current
from events.sight import names_of
from tasks.models import Task

# All that `tasks.presentation.view_of` reads, and the newest line of the log. By hand, because every poll asks it, and
# the ORM takes longer to build it than any database to answer it.
GLANCE = """
SELECT id, job, title, subject, state, reason, cancel_requested, run_at, started_at, finished_at, due_at, steps,
       steps_done, steps_total, progress, error,
       (SELECT MAX(id) FROM tasks_logline WHERE task_id = task.id) AS last_line
FROM tasks_task AS task
WHERE id = %s
"""


def glance(pk: uuid.UUID) -> Task | None:
    """The task of that id, with what is shown of it while it runs, and with `last_line`: the id of the newest line of
    its log, 0 while there is none."""
    key = Task._meta.pk.get_db_prep_value(pk, connection)
    names = None if (projects := current().projects) is None else names_of(projects)
    for task in Task.everything.raw(GLANCE, [key]):
        if names is not None and task.subject not in names:
            return None
        task.last_line = task.last_line or 0
        return task
    return None
