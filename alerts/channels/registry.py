"""Which kinds of channels there are."""

from __future__ import annotations

from alerts.channels.kind import Kind
from alerts.channels.mail import Mail

KINDS: dict[str, Kind] = {kind.key: kind for kind in (Mail(),)}
