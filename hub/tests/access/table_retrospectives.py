"""Sprints, reports and experiments: pages, API and admin site."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from hub.tests.access.entries import OPERATOR, VIEWER, Table, api, of_admin, page
from retrospectives import actions
from retrospectives.composition import compose
from retrospectives.files import read_rows
from retrospectives.jobs import GenerateReport
from retrospectives.models import Experiment
from retrospectives.tests.conftest import sprint
from tasks.actions import enqueue

SPRINT = "sprints/<int:pk>"
REPORT = "retrospectives/<int:pk>"
EXPERIMENT = "retrospectives/experiments/<int:pk>"

TABLE: Table = {
    "sprints/": {"GET": page(VIEWER)},
    "sprints/new/": {"GET": page(OPERATOR), "POST": page(OPERATOR, 422)},
    "sprints/import/": {"GET": page(OPERATOR), "POST": page(OPERATOR, 422)},
    "sprints/sync/": {"POST": page(OPERATOR, 302)},
    f"{SPRINT}/": {"GET": page(VIEWER), "POST": page(OPERATOR, 422)},
    f"{SPRINT}/delete/": {"GET": page(OPERATOR), "POST": page(OPERATOR, 302)},
    "retrospectives/": {"GET": page(VIEWER)},
    "retrospectives/new/": {"GET": page(OPERATOR), "POST": page(OPERATOR, 302)},
    "retrospectives/compare/": {"GET": page(VIEWER, 302)},
    "retrospectives/made/<uuid:task>/": {"GET": page(VIEWER)},
    f"{REPORT}/": {"GET": page(VIEWER)},
    f"{REPORT}/report.md": {"GET": page(VIEWER)},
    f"{REPORT}/report.json": {"GET": page(VIEWER)},
    f"{EXPERIMENT}/begin/": {"POST": page(OPERATOR, 302)},
    f"{EXPERIMENT}/drop/": {"POST": page(OPERATOR, 302)},
    "api/tasks/metrics/sync": {"POST": api(OPERATOR, 422)},
    "api/tasks/reports/generate": {"POST": api(OPERATOR, 202)},
    "api/reports": {"GET": api(VIEWER)},
    "api/reports/<int:report_id>": {"GET": api(VIEWER)},
    "api/reports/<int:report_id>/comparison": {"GET": api(VIEWER, 422)},
    "api/reports/<int:report_id>/markdown": {"GET": api(VIEWER)},
    "api/sprints": {"GET": api(VIEWER), "POST": api(OPERATOR, 201, **sprint(12))},
    "api/sprints/import": {"POST": api(OPERATOR, content="sprint_id,start_date,end_date\n1,2026-01-05,2026-01-16")},
    "api/sprints/<sprint>": {"GET": api(VIEWER), "DELETE": api(OPERATOR, 204)},
    "api/experiments": {"GET": api(VIEWER)},
    "api/experiments/<experiment>/begin": {"POST": api(OPERATOR, owner="mara")},
    "api/experiments/<experiment>/drop": {"POST": api(OPERATOR)},
    **of_admin("retrospectives/sprint"),
    **of_admin("retrospectives/report", add=403),
    **of_admin("retrospectives/experiment", add=403, delete=403),
}

SAME = {
    "sprints/": "list_sprints",
    "sprints/new/": "enter_sprint",
    "sprints/import/": "import_sprints",
    "sprints/sync/": "sync_metrics",
    f"{SPRINT}/": "show_sprint, enter_sprint",
    f"{SPRINT}/delete/": "delete_sprint",
    "retrospectives/": "list_reports, list_experiments",
    "retrospectives/new/": "generate_report",
    "retrospectives/compare/": "compare_reports",
    "retrospectives/made/<uuid:task>/": "show_task",
    f"{REPORT}/": "show_report",
    f"{REPORT}/report.md": "show_report_as_markdown",
    f"{REPORT}/report.json": "show_report",
    f"{EXPERIMENT}/begin/": "begin_experiment",
    f"{EXPERIMENT}/drop/": "drop_experiment",
}


def world(folder: Path) -> dict[str, Any]:
    actions.keep(read_rows([sprint(number) for number in range(1, 11)])[0], source="file")
    report = actions.keep_report(compose(actions.chosen()), team="", task=None, by="mara", tried=())
    experiment = Experiment.objects.filter(report=report).first()
    one = actions.chosen()[0]
    return {
        "sprints/<int:pk>": one.pk, "retrospectives/<int:pk>": report.pk, "experiments/<int:pk>": experiment.pk,
        "<uuid:task>": enqueue(GenerateReport, {}, run_at=timezone.now() + timedelta(days=1)).pk,
        "<int:report_id>": report.pk, "<sprint>": one.pk, "<experiment>": experiment.pk,
        "sprint/<path:object_id>": one.pk, "report/<path:object_id>": report.pk,
        "experiment/<path:object_id>": experiment.pk,
    }  # fmt: skip
