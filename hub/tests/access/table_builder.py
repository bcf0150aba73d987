"""The report builder: pages, API and admin site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from analytics.builder import actions
from hub.tests.access.entries import OPERATOR, VIEWER, Table, api, of_admin, page

REPORT = "analytics/reports/<int:pk>"
KEPT = "api/analytics/reports/<int:kept_id>"

TABLE: Table = {
    "analytics/reports/": {"GET": page(VIEWER)},
    "analytics/reports/build/": {"GET": page(VIEWER)},
    "analytics/reports/export/": {"GET": page(VIEWER)},
    "analytics/reports/keep/": {"POST": page(OPERATOR, 302)},
    f"{REPORT}/schedule/": {"POST": page(OPERATOR, 302)},
    f"{REPORT}/delete/": {"GET": page(OPERATOR), "POST": page(OPERATOR, 302)},
    "api/analytics/export": {"GET": api(VIEWER)},
    "api/analytics/datasets": {"GET": api(VIEWER)},
    "api/analytics/reports": {"GET": api(VIEWER), "POST": api(OPERATOR, 201, name="Asked", query="dataset=events")},
    KEPT: {"DELETE": api(OPERATOR, 204)},
    f"{KEPT}/schedule": {"POST": api(OPERATOR, 422, channel=1, cron="0 7 * * mon")},
    **of_admin("builder/savedreport", add=403),
}

SAME = {
    "analytics/reports/": "list_kept_reports, list_datasets",
    "analytics/reports/build/": "export_report",
    "analytics/reports/export/": "export_report",
    "analytics/reports/keep/": "keep_kept_report",
    f"{REPORT}/schedule/": "schedule_kept_report",
    f"{REPORT}/delete/": "delete_kept_report",
}


def world(folder: Path) -> dict[str, Any]:
    saved = actions.keep("Failures", "group=job")
    return {"reports/<int:pk>": saved.pk, "<int:kept_id>": saved.pk, "savedreport/<path:object_id>": saved.pk}
