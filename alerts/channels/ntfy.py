"""A topic of ntfy: messages to telephones."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from alerts.channels.kind import Field
from alerts.channels.web import check_address, send_json
from alerts.errors import AlertError

PRIORITIES = {"error": 5, "warning": 4, "info": 3}
TAGS = {"error": "rotating_light", "warning": "warning", "info": "information_source"}
TOPIC = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Ntfy:
    key, title = "ntfy", "ntfy"
    fields = (
        Field("url", "Address of the topic", "such as https://ntfy.example.org/hub-alerts", secret=True),
        Field("token", "Access token", "", secret=True, required=False),
    )

    def check(self, config: dict[str, str]) -> None:
        check_address(config["url"])
        if not TOPIC.fullmatch(urlsplit(config["url"]).path.strip("/")):
            raise AlertError("The address must end with the name of a topic: letters, digits, - and _.", "url")

    def send(self, config: dict[str, str], message: dict[str, Any], key: str) -> None:
        server, _, topic = config["url"].rstrip("/").rpartition("/")
        is_resolved = message["transition"] == "resolved"
        send_json(f"{server}/", {
            "topic": topic, "title": message["title"], "message": message["text"], "click": message["url"],
            "priority": 3 if is_resolved else PRIORITIES[message["level"]],
            "tags": ["white_check_mark" if is_resolved else TAGS[message["level"]]],
        }, key, {"Authorization": f"Bearer {config['token']}"} if config.get("token") else None)
