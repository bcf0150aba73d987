"""JSON as every database that Hub runs on can keep it."""

from __future__ import annotations

import json
import re
from typing import Any

# An escaped NUL, and not a backslash (itself escaped) before the letters "u0000".
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class NotJson(ValueError):
    """A value that cannot be kept as JSON; the message says why."""


def normalized(value: Any, limit: int) -> Any:
    """The value as it will be read back (tuples become lists). Raises NotJson, also above `limit` bytes."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:  # a lone surrogate is a ValueError too
        raise NotJson(f"is not JSON: {error}") from None
    if NUL.search(text):
        raise NotJson("contains the character NUL")
    if size > limit:
        raise NotJson(f"has {size:,} bytes; the limit is {limit:,}")
    return json.loads(text)


def cleaned(text: str, limit: int = 100_000) -> str:
    """Text that every database takes: without NUL and lone surrogates, its end kept when it is too long."""
    if len(text) > limit:
        text = "…" + text[-limit:]
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
