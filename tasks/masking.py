"""Parameters and results as pages show them: what may be a secret is not shown."""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "••••"
SECRET = re.compile(r"pass|secret|token|api_?key|private|credential|auth|cookie|(^|_)(key|dsn)$", re.IGNORECASE)
# The value of everything under these names is hidden: nobody knows what an environment holds.
WHOLE = frozenset({"env", "environment"})
IN_URL = re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)")


def masked(value: Any) -> Any:
    """The same JSON with values of secret-looking names, all of an environment, and passwords in URLs hidden."""
    if isinstance(value, dict):
        return {name: _masked_item(str(name), item) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return IN_URL.sub(HIDDEN, value) if isinstance(value, str) else value


def _masked_item(name: str, item: Any) -> Any:
    if name.lower() in WHOLE and isinstance(item, dict):
        return dict.fromkeys(item, HIDDEN)
    if SECRET.search(name) and not isinstance(item, dict | list | bool) and item not in (None, ""):
        return HIDDEN
    return masked(item)
