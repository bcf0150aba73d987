"""Which kinds of channels there are."""

from __future__ import annotations

from alerts.channels.discord import Discord
from alerts.channels.kind import Kind
from alerts.channels.mail import Mail
from alerts.channels.ntfy import Ntfy
from alerts.channels.slack import Slack
from alerts.channels.webhook import Webhook

KINDS: dict[str, Kind] = {kind.key: kind for kind in (Mail(), Webhook(), Slack(), Discord(), Ntfy())}
