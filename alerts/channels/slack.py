"""A channel of Slack, or of what takes Slack's messages, by an incoming webhook."""

from __future__ import annotations

from typing import Any

from alerts.channels.kind import Field
from alerts.channels.web import check_address, send_json

COLOURS = {"error": "#bb2a20", "warning": "#e2a21a", "resolved": "#17743a", "info": "#0868a8"}


class Slack:
    key, title = "slack", "Slack"
    fields = (Field("url", "Webhook address", "of an incoming webhook of your workspace", secret=True),)

    def check(self, config: dict[str, str]) -> None:
        check_address(config["url"])

    def send(self, config: dict[str, str], message: dict[str, Any], key: str) -> None:
        colour = "resolved" if message["transition"] == "resolved" else message["level"]
        lines = [_plain(message["text"])]
        if message["condition"]:
            lines.append(f"_{_plain(message['condition'])}_")
        lines.append(f"<{message['url']}|Open in Hub>")
        send_json(config["url"], {
            "text": _plain(message["title"]),
            "attachments": [{"color": COLOURS[colour], "fallback": _plain(message["text"]), "blocks": [
                {"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(lines)}}]}],
        }, key)


def _plain(text: str) -> str:
    """Slack's three letters of control; nobody is mentioned, nothing is a link that Hub did not make."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
