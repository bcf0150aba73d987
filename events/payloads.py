"""Parameters, environments and logs: what is told only to who may see it."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied

from events.context import current


def require_payloads() -> None:
    """PermissionDenied (403) when whoever asks may not be told parameters, environments and logs."""
    if not current().payloads:
        raise PermissionDenied("You may not see parameters, environments and logs. Ask an admin of this Hub.")
