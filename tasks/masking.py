"""Parameters and results as pages show them: what may be a secret is not shown."""

from __future__ import annotations

from typing import Any

from events.context import current
from events.secrets import MASK, is_secret, without_credentials

# The value of everything under these names is hidden: nobody knows what an environment holds.
WHOLE = frozenset({"env", "environment"})


def masked(value: Any) -> Any:
    """The same JSON with values of secret-looking names, all of an environment, and passwords in URLs hidden."""
    if isinstance(value, dict):
        return {name: _masked_item(str(name), item) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return without_credentials(value) if isinstance(value, str) else value


def told(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters as the actor of the request at hand may see them."""
    return masked(params) if current().payloads else dict.fromkeys(params, MASK)


def told_detail(detail: str) -> str:
    """The rest of an error, which quotes logs, as the actor may see it."""
    return detail if current().payloads else ""


def _masked_item(name: str, item: Any) -> Any:
    if name.lower() in WHOLE and isinstance(item, dict):
        return dict.fromkeys(item, MASK)
    if is_secret(name) and not isinstance(item, dict | list | bool) and item not in (None, ""):
        return MASK
    return masked(item)
