"""What the API's document says of analytics: examples, and the refusals of single operations."""

from __future__ import annotations

from events.api_reference import Entry

SINCE, UNTIL = "2026-11-21T00:00:00.000000Z", "2026-11-22T15:00:00.000000Z"
LENGTHS = {"p50": 0.4, "p75": 0.9, "p95": 2.1, "p99": 4.0, "max": 6.2}
FOUND = {400: "The query, or a time, is not understood.", 422: "A parameter is wrong, or the query finds too much.",
         503: "What is searched is still being written down; try again in a moment."}

REFERENCE = {
    "count_ended_tasks": Entry({
        "since": SINCE, "until": UNTIL, "total": 1, "items": [
            {"key": "demo.sleep", "name": "demo.sleep", "count": 120, "succeeded": 117, "failed": 2, "cancelled": 1,
             "wait": LENGTHS, "run": LENGTHS}]}, query={"by": "job", "since": "24h"}, errors=FOUND),
    "show_trend": Entry({
        "measure": "count", "unit": "tasks", "step": 3600, "since": SINCE, "until": UNTIL,
        "items": [{"start": SINCE, "value": 12.0}]}, query={"measure": "count", "since": "24h"}),
}
