"""What the API's document says of webhooks: examples, and the refusals of single operations."""

from __future__ import annotations

from events.api_reference import Entry, part

AT = "2026-11-22T15:00:00.000000Z"
WEBHOOK = {
    "id": 2, "name": "Chat", "subject": "hub.main.alert.>", "url": "https://chat.example.org/hooks/hub", "state": "on",
    "reason": "", "position": 4711, "behind": 0, "failures": 0, "failing_since": None, "created_by": "mara",
    "created_at": AT,
}  # fmt: skip
SECRET = {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
DELIVERY = {"id": 9, "event": "019a2f4e-7c00-7b3a-9d55-2f6f3a1b0c4d", "subject": "hub.main.alert.firing",
            "position": 4711, "at": AT, "succeeded": True, "replay": False, "status": 204, "elapsed": 0.12,
            "problem": "", "answer": ""}

REFERENCE = {
    "list_webhooks": Entry(part(WEBHOOK)),
    "create_webhook": Entry({**WEBHOOK, **SECRET}, {"name": "Chat", "subject": "alert.>",
                                                    "url": "https://chat.example.org/hooks/hub"}),
    "show_webhook": Entry(WEBHOOK),
    "change_webhook": Entry({**WEBHOOK, "state": "paused"}, {"paused": True}),
    "change_secret": Entry(SECRET, {"secret": ""}),
    "delete_webhook": Entry(),
    "list_deliveries": Entry(part(DELIVERY)),
    "replay_delivery": Entry({"task_id": "019a2f4e-7c00-7b3a-9d55-2f6f3a1b0c4d"}, errors={
        422: "The event is no longer kept, or the webhook was deleted."}),
}
