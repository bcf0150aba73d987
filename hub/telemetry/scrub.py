"""Texts that leave Hub, without what must not."""

from __future__ import annotations

import re
from collections.abc import Iterable

from events.secrets import MASK, is_secret, without_credentials
from hub.log_lines import TOKEN

# Keys of Hub's API, tokens after their scheme, and `name=value`, `"name": "value"` where the name tells of a secret.
KEY = re.compile(r"\bhub_[A-Za-z0-9]+_[A-Za-z0-9_-]{8,}")
BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
NAMED = re.compile(r"""(?P<name>[A-Za-z][\w-]*)(?P<between>['"]?\s*[=:]\s*)(?P<quote>['"]?)(?P<value>[^\s'",;&})]+)""")
SHORTEST = 8


class Scrubber:
    """Takes out what looks like a secret, and the very secrets of this Hub wherever they stand."""

    def __init__(self, secrets: Iterable[str] = ()):
        # The longest first: one may be part of another.
        known = sorted({one for one in secrets if one and len(one) >= SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(MASK, text)
        text = without_credentials(KEY.sub(MASK, TOKEN.sub(r"\1…", text)))
        return NAMED.sub(_named, BEARER.sub(rf"\1 {MASK}", text))


def _named(match: re.Match[str]) -> str:
    if not is_secret(match["name"]) or match["value"].lower() in ("bearer", "basic"):
        return match[0]
    return f"{match['name']}{match['between']}{match['quote']}{MASK}"
