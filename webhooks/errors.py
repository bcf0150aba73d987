"""What can be wrong with a wish about webhooks. Every `message` is for the user."""

from __future__ import annotations

from tasks.errors import BadTask


class BadWebhook(BadTask):
    """Input that makes no webhook. `field` names what is wrong: name, subject, url, secret or position."""
