"""Who is told what happens: pages, API and admin site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.utils import timezone

from events.publishing import publish
from events.subjects import own
from hub.tests.access.entries import OPERATOR, VIEWER, Table, api, of_admin, page
from webhooks import actions
from webhooks.models import Delivery

ONE = "webhooks/<int:pk>"
API = "api/webhooks/<int:webhook_id>"
# Public, so that it is looked at and let through, and nothing is sent there.
URL = "https://8.8.8.8/hook"

TABLE: Table = {
    "webhooks/": {"GET": page(VIEWER)},
    "webhooks/new/": {"GET": page(OPERATOR), "POST": page(OPERATOR, name="New", subject="shop.>", url=URL)},
    f"{ONE}/": {"GET": page(VIEWER), "POST": page(OPERATOR, 302, name="Other", subject="shop.>", url=URL)},
    f"{ONE}/log/": {"GET": page(VIEWER)},
    f"{ONE}/pause/": {"POST": page(OPERATOR, 302)},
    f"{ONE}/resume/": {"POST": page(OPERATOR, 302)},
    f"{ONE}/skip/": {"POST": page(OPERATOR, 302, position="0")},
    f"{ONE}/secret/": {"POST": page(OPERATOR)},
    f"{ONE}/delete/": {"GET": page(OPERATOR), "POST": page(OPERATOR, 302)},
    f"{ONE}/deliveries/<int:delivery>/replay/": {"POST": page(OPERATOR, 302)},
    "api/webhooks": {"GET": api(VIEWER), "POST": api(OPERATOR, 201, name="New", subject="shop.>", url=URL)},
    API: {"GET": api(VIEWER), "PATCH": api(OPERATOR, name="Other"), "DELETE": api(OPERATOR, 204)},
    f"{API}/secret": {"POST": api(OPERATOR)},
    f"{API}/deliveries": {"GET": api(VIEWER)},
    f"{API}/deliveries/<int:delivery_id>/replay": {"POST": api(OPERATOR, 202)},
    **of_admin("webhooks/subscription"),
    **of_admin("webhooks/delivery", add=403, delete=403),
}

SAME = {
    "webhooks/": "list_webhooks",
    "webhooks/new/": "create_webhook",
    f"{ONE}/": "show_webhook, change_webhook",
    f"{ONE}/log/": "list_deliveries",
    f"{ONE}/pause/": "change_webhook",
    f"{ONE}/resume/": "change_webhook",
    f"{ONE}/skip/": "change_webhook",
    f"{ONE}/secret/": "change_secret",
    f"{ONE}/delete/": "delete_webhook",
    f"{ONE}/deliveries/<int:delivery>/replay/": "replay_delivery",
}


def world(folder: Path) -> dict[str, Any]:
    hook = actions.create(name="Shop", subject="shop.>", url=URL)[0]
    event = publish(f"{own()}shop.opened", {})
    row = Delivery.objects.create(subscription=hook, event=event.pk, subject=event.subject, at=timezone.now(),
                                  succeeded=False)
    # One that is paused, so that what resumes it, changes it.
    actions.pause(hook)
    return {"webhooks/<int:pk>": hook.pk, "<int:delivery>": row.pk, "<int:webhook_id>": hook.pk,
            "<int:delivery_id>": row.pk, "subscription/<path:object_id>": hook.pk, "delivery/<path:object_id>": row.pk}
