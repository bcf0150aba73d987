"""What the API's document says of reports and exports: examples, and the refusals of single operations."""

from __future__ import annotations

from events.api_reference import Entry, part

AT = "2026-11-22T15:00:00.000000Z"
KEPT = {"id": 4, "name": "Failures by job", "query": "dataset=tasks&group=job&measure=failure_rate",
        "url": "/analytics/reports/4/", "created_by": "mara", "created_at": AT}
DATASET = {"name": "tasks", "label": "Tasks", "usual": ["id", "job", "state"], "time": "created_at", "fields": [
    {"name": "job", "label": "Job", "kind": "text", "group": True, "measure": False}]}

REFERENCE = {
    "export_report": Entry(query={"dataset": "tasks", "since": "30d", "format": "csv"}, errors={
        422: "The definition of the report is wrong; `field` names the part of it.",
        503: "Too many exports are being made."}),
    "list_datasets": Entry(part(DATASET)),
    "list_kept_reports": Entry(part(KEPT)),
    "keep_kept_report": Entry(KEPT, {"name": "Failures by job", "query": KEPT["query"]}),
    "delete_kept_report": Entry(),
    "schedule_kept_report": Entry({"schedule": 7, "name": "Failures by job to Operators", "next_run_at": AT},
                                  {"channel": 1, "cron": "0 7 * * mon"}),
}
