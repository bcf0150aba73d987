"""The shapes of webhooks in the API and in commands."""

from __future__ import annotations

from typing import Any

from events.relay.numbering import last_position
from events.times import iso
from webhooks.models import Delivery, Subscription


def webhook_dict(row: Subscription, *, whole: bool) -> dict[str, Any]:
    """`url` is whole for who may change it; others see where it goes. The secret is not in it."""
    return {
        "id": row.pk, "name": row.name, "subject": row.subject, "url": row.url if whole else row.shown,
        "state": row.state, "reason": row.reason, "position": row.position,
        "behind": max(0, last_position() - row.position), "failures": row.failures,
        "failing_since": iso(row.failing_since), "created_by": row.created_by, "created_at": iso(row.created_at),
    }  # fmt: skip


def delivery_dict(row: Delivery) -> dict[str, Any]:
    """One try; `status` is null where nothing was answered."""
    return {
        "id": row.pk, "event": str(row.event), "subject": row.subject, "position": row.position, "at": iso(row.at),
        "succeeded": row.succeeded, "replay": row.is_replay, "status": row.status, "elapsed": round(row.elapsed, 3),
        "problem": row.problem, "answer": row.answer,
    }  # fmt: skip
