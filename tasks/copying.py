"""A task as commands to copy: to look at it, and to begin another like it."""

from __future__ import annotations

import json
import shlex

from tasks.job import job_class
from tasks.masking import told
from tasks.models import Task


def commands_of(task: Task, address: str) -> str:
    """Lines for a shell; `address` is where Hub answers, such as `https://hub.example.org`. Beginning another stands
    there only for jobs that may be begun by hand, and not where a parameter is secret."""
    head = '-H "Authorization: Bearer $HUB_KEY"'
    lines = [f"manage.py task show {task.pk}", f"curl {head} {shlex.quote(f'{address}/api/tasks/{task.pk}')}"]
    job = job_class(task.job)
    if job is not None and job.startable and told(task.params) == task.params:
        body = json.dumps({"job": task.job, "params": task.params, "priority": task.priority, "lane": task.lane})
        lines.append(f"curl {head} -H 'Content-Type: application/json' -d {shlex.quote(body)} "
                     f"{shlex.quote(f'{address}/api/tasks')}")
    return "\n".join(lines)
