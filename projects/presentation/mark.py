"""The mark by which the poll of a project's page sees that nothing changed."""

from __future__ import annotations

import zlib
from datetime import datetime

from django.db import connection

from projects.models import Project
from projects.observation import KNOWN_FOR
from projects.placement import notice
from tasks.states import ACTIVE

# Ages on the page move on by so many seconds where nothing else does; by its history a running task moves on by itself.
TICK_KNOWN, TICK_ACTIVE, TICK_IDLE = 1, 5, 60
# All that the page shows: the project, its newest task, and a row for each service. By hand, because every poll asks
# it, and the ORM takes longer to build it than any database to answer it.
SHOWN = """
SELECT task.state, task.due_at, project.observed_at >= %s, project.node,
       project.name, project.state, project.state_since, project.reason, project.desired,
       (SELECT SUM(host_port) FROM projects_portlease WHERE project_id = project.id),
       task.id, task.cancel_requested, task.reason, task.steps,
       service.name, service.state, service.health, service.reason, service.restarts, service.pid, service.cpu,
       service.memory
FROM projects_project AS project
LEFT JOIN tasks_task AS task
       ON task.id = (SELECT id FROM tasks_task WHERE subject = %s ORDER BY id DESC LIMIT 1)
LEFT JOIN projects_service AS service ON service.project_id = project.id
WHERE project.id = %s
ORDER BY service.name
"""


def mark_of(pk: int, now: datetime) -> str | None:
    """A short mark of all that the page of a project shows, in one query; None when there is no such project."""
    known_since = connection.ops.adapt_datetimefield_value(now - KNOWN_FOR)
    with connection.cursor() as cursor:
        cursor.execute(SHOWN, [known_since, Project(pk=pk).subject, pk])
        rows = cursor.fetchall()
    if not rows:
        return None
    state, due_at, _, node = rows[0][:4]
    tick = TICK_IDLE
    if state in ACTIVE:
        tick = TICK_KNOWN if due_at else TICK_ACTIVE
    clock = int(now.timestamp()) // tick
    return f"{zlib.crc32(repr((clock, notice(node), rows)).encode()):08x}"
