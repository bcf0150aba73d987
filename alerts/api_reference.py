"""What the API's document says of alerts: examples, and the refusals of single operations."""

from __future__ import annotations

from events.api_reference import Entry, part

AT, LATER = "2026-11-22T15:00:00.000000Z", "2026-11-22T15:04:00.000000Z"
ALERT = {
    "id": 12, "rule": 3, "name": "Many tasks fail", "target": "default", "level": "warning", "state": "firing",
    "value": 12.5, "worst": 20.0, "sentence": "12.5 % of the tasks in default failed.", "pending_at": AT,
    "fired_at": LATER, "resolved_at": None, "lasted": None, "why": None, "acknowledged_at": None,
    "acknowledged_by": None,
}  # fmt: skip
RULE = {
    "id": 3, "builtin": None, "name": "Many tasks fail", "measure": "failure_rate", "lane": "default", "job": "",
    "window": 600, "minimum": 20, "compare": "above", "bound": 10.0, "resolve_bound": 5.0, "hold": 60, "calm": 120,
    "level": "warning", "enabled": True, "channels": [1], "condition": "above 10 % for 1 minute", "muted_until": None,
    "muted_by": None,
}  # fmt: skip
CHANNEL = {"id": 1, "name": "Operators", "kind": "email", "enabled": True, "config": {"to": "ops@example.org"},
           "problem": None, "last_sent_at": AT}
MEASURE = {"key": "failure_rate", "title": "Share of tasks that fail", "unit": "%", "compare": "above",
           "description": "Of the tasks that ended in the window, so many failed.", "windowed": True, "scoped": True}

REFERENCE = {
    "list_alerts": Entry(part(ALERT), query={"state": "open"}),
    "show_alert": Entry({**ALERT, "notifications": [
        {"id": "019a2f4e-7c00-7b3a-9d55-2f6f3a1b0c4d", "channel": "Operators", "transition": "firing", "state": "sent",
         "tries": 1, "error": None, "sent_at": LATER}]}),
    "acknowledge_alert": Entry({**ALERT, "acknowledged_at": LATER, "acknowledged_by": "mara"},
                               errors={409: "It does not fire any more, or somebody has acknowledged it."}),
    "show_evaluator": Entry({"late": False, "at": AT, "age": 1.5, "took": 4.2, "stale_after": 30.0}),
    "list_measures": Entry(part(MEASURE)),
    "list_rules": Entry(part(RULE)),
    "create_rule": Entry(RULE, {"name": "Many tasks fail", "measure": "failure_rate", "bound": 10.0, "hold": 60}),
    "show_rule": Entry(RULE),
    "change_rule": Entry({**RULE, "bound": 15.0}, {"bound": 15.0}),
    "delete_rule": Entry(errors={409: "It is one of Hub's own: switch it off instead."}),
    "mute_rule": Entry({**RULE, "muted_until": LATER, "muted_by": "mara"}, {"until": LATER}),
    "unmute_rule": Entry(RULE, errors={409: "It is not muted."}),
    "list_channels": Entry(part(CHANNEL)),
    "create_channel": Entry(CHANNEL, {"name": "Operators", "kind": "email", "config": {"to": "ops@example.org"}}),
    "change_channel": Entry({**CHANNEL, "enabled": False}, {"enabled": False}),
    "delete_channel": Entry(),
    "try_channel": Entry({"delivered": True, "problem": None}),
}
