"""What the API's document says of reports and exports: examples, and the refusals of single operations."""

from __future__ import annotations

from events.api_reference import Entry, part

AT = "2026-11-22T15:00:00.000000Z"
KEPT = {"id": 4, "name": "Failures by job", "query": "dataset=tasks&group=job&measure=failure_rate",
        "url": "/analytics/reports/4/", "created_by": "mara", "created_at": AT}
DATASET = {"name": "tasks", "label": "Tasks", "usual": ["id", "job", "state"], "time": "created_at", "fields": [
    {"name": "job", "label": "Job", "kind": "text", "group": True, "measure": False}]}
EXPORT = {"id": "019a2f4e-7c00-7b3a-9d55-2f6f3a1b0c4d", "task_id": "019a2f4e-7c01-7b3a-9d55-2f6f3a1b0c4d",
          "state": "made", "progress": 100.0, "error": None, "query": "dataset=tasks&since=30d",
          "format": "csv", "title": "Tasks", "rows": 1_000_000, "size": 181_000_000,
          "url": "/api/analytics/exports/019a2f4e-7c00-7b3a-9d55-2f6f3a1b0c4d/file", "created_by": "mara",
          "created_at": AT, "made_at": AT, "expires_at": "2026-11-23T15:00:00.000000Z"}

REFERENCE = {
    "begin_export": Entry({**EXPORT, "state": "queued", "progress": None, "rows": None, "size": None, "url": None,
                           "made_at": None}, {"query": EXPORT["query"], "format": "csv"}, errors={
        422: "The definition of the report is wrong; `field` names the part of it."}),
    "list_exports": Entry(part(EXPORT)),
    "show_export": Entry(EXPORT),
    "read_export": Entry(errors={403: "It was made for somebody who may see parameters and logs.",
                                 404: "There is none, or it has expired.", 409: "It is not made yet.",
                                 503: "Too many exports are being read."}),
    "delete_export": Entry(),
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
