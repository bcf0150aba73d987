"""Any receiver of JSON over HTTP."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from alerts.channels.kind import Field
from alerts.channels.web import check_address, send


class Webhook:
    """The message as it is. With a key its body is signed: `X-Hub-Signature: sha256=<HMAC of the body>`."""

    key, title = "webhook", "Webhook"
    fields = (
        Field("url", "Address", "https://…, to which the message is posted as JSON", secret=True),
        Field("secret", "Key", "with it the body is signed, in the header X-Hub-Signature", secret=True,
              required=False),
    )

    def check(self, config: dict[str, str]) -> None:
        check_address(config["url"])

    def send(self, config: dict[str, str], message: dict[str, Any], key: str) -> None:
        post(config, message, key)


def post(config: dict[str, str], value: dict[str, Any], key: str) -> None:
    """Send any value to a webhook, signed where it has a key. Raises Undelivered."""
    body = json.dumps({"id": key, **value}, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json"}
    if config.get("secret"):
        digest = hmac.new(config["secret"].encode(), body, hashlib.sha256).hexdigest()
        headers["X-Hub-Signature"] = f"sha256={digest}"
    send(config["url"], body, headers, key)
