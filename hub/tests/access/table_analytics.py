"""What happened to tasks over months."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from analytics import counting
from analytics.tests.history import end, waiting
from hub.tests.access.entries import VIEWER, Table, api, page

TABLE: Table = {
    "analytics/": {"GET": page(VIEWER)},
    "analytics/trends/": {"GET": page(VIEWER)},
    "analytics/distributions/": {"GET": page(VIEWER)},
    "analytics/jobs/": {"GET": page(VIEWER)},
    "analytics/jobs/<path:name>/": {"GET": page(VIEWER)},
    "analytics/projects/<int:number>/": {"GET": page(VIEWER)},
    "analytics/performance/": {"GET": page(VIEWER)},
    "api/analytics/tasks": {"GET": api(VIEWER)},
    "api/analytics/trend": {"GET": api(VIEWER)},
}

SAME = {
    "analytics/": "count_ended_tasks, show_trend",
    "analytics/trends/": "show_trend",
    "analytics/distributions/": "count_ended_tasks",
    "analytics/jobs/": "count_ended_tasks",
    "analytics/jobs/<path:name>/": "show_trend, search_tasks",
    "analytics/projects/<int:number>/": "show_trend, search_tasks",
    "analytics/performance/": "(what it shows of this Hub itself is in /metrics)",
}


def world(folder: Path) -> dict[str, Any]:
    now = timezone.now()
    task = waiting(random.Random(1), now, job="mail.send", subject="projects.project:7")
    end(task, now, run=timedelta(seconds=1))
    counting.count_all()
    return {"<path:name>": "mail.send", "<int:number>": 7}
