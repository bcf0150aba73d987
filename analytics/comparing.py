"""The tab of jobs and projects: all of them beside the period before, and who got slower."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from analytics import changes
from analytics.asked import Asked


def figures(asked: Asked, now: datetime) -> dict[str, Any]:
    """The context of `analytics/_jobs.html`."""
    jobs, jobs_there = changes.rows(asked.range, "job", now)
    projects, projects_there = changes.rows(asked.range, "project", now)
    return {
        "tables": [("Projects", "Project", projects, projects_there), ("Jobs", "Job", jobs, jobs_there)],
        "slower": changes.slower(row for row in (*projects, *jobs) if row.key),
        "count": bool(jobs), "passed_on": asked.context()["passed_on"],
    }
