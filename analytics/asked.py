"""What a page of analytics asks for, read from its address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict

from analytics.errors import BadQuestion
from analytics.ranges import NAMED, SHOWN_POINTS, Range, asked
from events.moments import BadMoment

USUAL = "24h"


@dataclass(frozen=True, slots=True)
class Asked:
    """The range of a page; `problem` says what is wrong with the one that was asked for, and the usual is shown."""

    range: Range
    since: str
    until: str
    problem: str = ""

    @classmethod
    def read(cls, query: QueryDict, now: datetime, usual: str = USUAL, most: int = SHOWN_POINTS) -> Asked:
        """From `?since=&until=`, with at most so many points."""
        since, until = query.get("since", "").strip()[:40], query.get("until", "").strip()[:40]
        try:
            return cls(asked(since, until, now, usual=usual, most=most), since or usual, until)
        except (BadMoment, BadQuestion) as error:
            return cls(asked("", "", now, usual=usual, most=most), usual, "", str(error))

    @property
    def status(self) -> int:
        """The HTTP status of the page."""
        return 422 if self.problem else 200

    @property
    def question(self) -> list[int]:
        """It as plain values, the same for the same range."""
        return [self.range.begin, self.range.end, self.range.step]

    def context(self, **more: str) -> dict[str, Any]:
        """What `_range.html` shows; `more` stands in its addresses as well."""
        kept = {name: value for name, value in more.items() if value}
        return {
            "asked": self, "kept": kept,
            "ranges": [(name, label, urlencode({**kept, "since": name}), not self.until and self.since == name)
                       for name, label in NAMED.items()],
            "is_custom": bool(self.until) or self.since not in NAMED,
            "passed_on": urlencode({"since": self.since, **({"until": self.until} if self.until else {})}),
        }
