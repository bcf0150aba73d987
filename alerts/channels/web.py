"""How channels send over HTTP: through Hub's one guarded way out."""

from __future__ import annotations

import json
from typing import Any

from alerts.channels.kind import TIMEOUT
from alerts.errors import AlertError, Undelivered
from events.outgoing import posting
from events.outgoing.targets import TargetFailed, TargetRefused

SAID = 200


def check_address(url: str, field: str = "url") -> None:
    """Raise AlertError for an address that Hub may not send to. One whose host is not found just now may pass."""
    try:
        posting.check(url)
    except TargetRefused as error:
        raise AlertError(str(error), field) from None
    except TargetFailed:
        return


def send(url: str, body: bytes, headers: dict[str, str], key: str) -> None:
    """POST it, with the id by which a receiver tells that it has it. Raises Undelivered for all but 2xx."""
    headers = {"Idempotency-Key": key, "X-Hub-Delivery": key, **headers}
    try:
        answer = posting.post(url, body, headers, timeout=TIMEOUT)
    except TargetRefused as error:
        raise Undelivered(str(error), for_good=True) from None
    except TargetFailed as error:
        raise Undelivered(str(error)) from None
    if not answer.is_success:
        said = " ".join(answer.text.split())[:SAID]
        # What it did not understand it will not understand later; what it had too much of it may.
        for_good = 400 <= answer.status < 500 and answer.status not in (401, 403, 404, 408, 425, 429)
        raise Undelivered(f"It answered {answer.status}{f': {said}' if said else ''}", for_good=for_good)


def send_json(url: str, value: Any, key: str, headers: dict[str, str] | None = None) -> None:
    """The same with a JSON body."""
    send(url, json.dumps(value, ensure_ascii=False).encode(), {"Content-Type": "application/json", **(headers or {})},
         key)
