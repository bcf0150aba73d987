"""The report builder: pages, API and admin site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.utils import timezone

from analytics.builder import actions, exports, storing
from analytics.builder.models import Export
from hub.tests.access.entries import OPERATOR, VIEWER, Table, api, of_admin, page

REPORT = "analytics/reports/<int:pk>"
KEPT = "api/analytics/reports/<int:kept_id>"
EXPORT = "analytics/reports/exports/<uuid:key>"
MADE = "api/analytics/exports/<export_id>"

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
    "analytics/reports/exports/": {"GET": page(VIEWER)},
    "analytics/reports/exports/begin/": {"POST": page(OPERATOR, 302)},
    f"{EXPORT}/": {"GET": page(VIEWER)},
    f"{EXPORT}/delete/": {"POST": page(OPERATOR, 302)},
    "api/analytics/exports": {"GET": api(VIEWER), "POST": api(OPERATOR, 202, query="dataset=events")},
    MADE: {"GET": api(VIEWER), "DELETE": api(OPERATOR, 204)},
    f"{MADE}/file": {"GET": api(VIEWER)},
    **of_admin("builder/savedreport", add=403),
}

SAME = {
    "analytics/reports/": "list_kept_reports, list_datasets",
    "analytics/reports/build/": "export_report",
    "analytics/reports/export/": "export_report",
    "analytics/reports/keep/": "keep_kept_report",
    f"{REPORT}/schedule/": "schedule_kept_report",
    f"{REPORT}/delete/": "delete_kept_report",
    "analytics/reports/exports/": "list_exports",
    "analytics/reports/exports/begin/": "begin_export",
    f"{EXPORT}/": "read_export",
    f"{EXPORT}/delete/": "delete_export",
}


def world(folder: Path) -> dict[str, Any]:
    saved = actions.keep("Failures", "group=job")
    export = exports.begin("dataset=projects", "csv")
    storing.write(export.file_name, 1, [b"id"])
    Export.objects.update(made_at=timezone.now(), rows=0, size=2)
    return {"reports/<int:pk>": saved.pk, "<int:kept_id>": saved.pk, "savedreport/<path:object_id>": saved.pk,
            "<uuid:key>": export.pk, "<export_id>": export.pk}
