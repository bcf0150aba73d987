"""Fetching sprints from the configured HTTP source, which may be slow, busy, half-broken, or lie."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from http.client import HTTPException
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from events.outgoing.opener import OPENER
from retrospectives.kinds import KINDS, Kind

TIMEOUT = 10.0
LONGEST_WAIT = 30.0
TRIES = 4
MOST_PAGES = 20
MOST_BYTES = 5 * 1024 * 1024
_NEXT = re.compile(r'<([^<>]+)>\s*;[^,]*\brel\s*=\s*"?next"?', re.IGNORECASE)


class SourceError(Exception):
    """The source gave nothing that could be used. The message says what it did and what to look at."""


def fetch(address: str, key: str, count: int, team: str = "", kind: str = "sprints", *,
          wait: Callable[[float], None] = time.sleep) -> list[Any]:
    """At most `count` sprints of the source at `address`, newest first, as it wrote them; see `retrospectives.kinds`.

    Further pages are followed by `Link: rel="next"`, on the same host only. 429 and 503 are tried again after their
    `Retry-After`, failures of the connection and other 5xx after a growing pause: TRIES times in all for each page.
    Raises SourceError.
    """
    asked = KINDS[kind]
    if asked.needs_team and not team:
        raise SourceError("Say which team: for Jira it is the number of its board.")
    base = address.rstrip("/")
    found = _list(f"{base}/{asked.first(count, team)}", key, count, asked, wait)
    if asked.more is None:
        return found
    return [asked.joined(item, _page(f"{base}/{asked.more(item, team)}", key, wait)[0])
            for item in found if isinstance(item, dict)]


def _list(url: str, key: str, count: int, asked: Kind, wait: Callable[[float], None]) -> list[Any]:
    found: list[Any] = []
    for _ in range(MOST_PAGES):
        content, following = _page(url, key, wait)
        items = content
        if isinstance(content, dict):
            items = next((content[name] for name in asked.items if name in content), None)
            following = following or _following(url, content)
        if not isinstance(items, list):
            names = " or ".join(f"“{name}”" for name in asked.items)
            raise SourceError(f"{_shown(url)} answered no list of sprints, and no object with {names}.")
        found += items
        if following is None or (asked.newest_first and len(found) >= count):
            return found[:count] if asked.newest_first else found[::-1][:count]
        further = urljoin(url, following)
        if urlsplit(further)[:2] != urlsplit(url)[:2]:
            raise SourceError(f"{_shown(url)} names its next page at another host ({_shown(further)}); "
                              "the key is not sent there.")
        url = further
    raise SourceError(f"{_shown(url)} goes on after {MOST_PAGES} pages; ask for fewer sprints.")


def _following(url: str, content: dict[str, Any]) -> str | None:
    """The next page of an answer that counts as Jira's do: {startAt, maxResults, isLast}."""
    start, size = content.get("startAt"), content.get("maxResults")
    if content.get("isLast", True) or not all(isinstance(one, int) and one >= 0 for one in (start, size)) or not size:
        return None
    kept = [(name, value) for name, value in parse_qsl(urlsplit(url).query) if name != "startAt"]
    return "?" + urlencode([*kept, ("startAt", start + size)])


def _page(url: str, key: str, wait: Callable[[float], None]) -> tuple[Any, str | None]:
    headers = {"Accept": "application/json", **({"Authorization": _authorization(key)} if key else {})}
    problem = ""
    for turn in range(TRIES):
        pause = 0.5 * 2**turn
        try:
            with OPENER.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as answer:
                content = answer.read(MOST_BYTES + 1)
                link = answer.headers.get("Link", "")
            if len(content) > MOST_BYTES:
                raise SourceError(f"{_shown(url)} answered more than {MOST_BYTES // 1024 // 1024} MB.")
            further = _NEXT.search(link)
            return json.loads(content), further[1] if further else None
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in (429, 500, 502, 503, 504):
                raise SourceError(_refusal(url, error.code)) from None
            problem = f"{_shown(url)} answered {error.code}"
            pause = _retry_after(error.headers.get("Retry-After", ""), pause)
            if pause > LONGEST_WAIT:
                raise SourceError(f"{problem} and wants {pause:.0f} s of rest. Sync again later.") from None
        except (OSError, HTTPException) as error:
            problem = f"{_shown(url)} does not answer ({getattr(error, 'reason', None) or error or 'cut off'})"
        except (ValueError, RecursionError):
            raise SourceError(f"{_shown(url)} answered something that is no JSON.") from None
        if turn + 1 < TRIES:
            wait(pause)
    raise SourceError(f"{problem}, {TRIES} times. Check METRICS_API_URL and the source.")


def _authorization(key: str) -> str:
    """A key of the form name:token, as Jira Cloud gives it, is sent as both; any other as a bearer token."""
    return f"Basic {b64encode(key.encode()).decode()}" if ":" in key else f"Bearer {key}"


def _refusal(url: str, code: int) -> str:
    if code in (401, 403):
        return f"{_shown(url)} refused the key ({code}). Check METRICS_API_KEY."
    if 300 <= code < 400:
        return f"{_shown(url)} redirects elsewhere ({code}); the key is not sent there. Name the final METRICS_API_URL."
    return f"{_shown(url)} answered {code}. Check METRICS_API_URL."


def _retry_after(text: str, otherwise: float) -> float:
    return float(text) if text.strip().isdigit() else otherwise


def _shown(url: str) -> str:
    """The address without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
