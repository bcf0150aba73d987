"""A channel of Discord, by its webhook."""

from __future__ import annotations

from typing import Any

from alerts.channels.kind import Field
from alerts.channels.web import check_address, send_json

COLOURS = {"error": 0xBB2A20, "warning": 0xE2A21A, "resolved": 0x17743A, "info": 0x0868A8}


class Discord:
    key, title = "discord", "Discord"
    fields = (Field("url", "Webhook address", "from the settings of the channel, under Integrations", secret=True),)

    def check(self, config: dict[str, str]) -> None:
        check_address(config["url"])

    def send(self, config: dict[str, str], message: dict[str, Any], key: str) -> None:
        colour = "resolved" if message["transition"] == "resolved" else message["level"]
        embed = {"title": message["title"][:256], "description": message["text"][:2000], "url": message["url"],
                 "color": COLOURS[colour]}
        if message["condition"]:
            embed["fields"] = [{"name": "Rule", "value": message["condition"][:1000]}]
        # A name that looks like a mention rings nobody.
        send_json(config["url"], {"embeds": [embed], "allowed_mentions": {"parse": []}}, key)
