"""Moments of the lines of a log, from what the supervisor noted of its growth."""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime

from projects.engines.base import Moment
from projects.engines.process.stamps import read


class Times:
    """What is known of one log. A log of which nothing was noted has no moments."""

    def __init__(self, path: str):
        self._records = read(path)
        self._ends = [end for _, _, end in self._records]
        try:
            self._touched = os.stat(path).st_mtime
        except OSError:
            self._touched = 0.0

    def of(self, ends: Sequence[int]) -> list[Moment | None]:
        """The moment of each line, by the offset after it; they are in order."""
        found: list[Moment | None] = []
        while len(found) < len(ends):
            place = bisect_left(self._ends, ends[len(found)])
            # All that ends up to the same look has the same moment.
            until = bisect_right(ends, self._ends[place], len(found)) if place < len(self._ends) else len(ends)
            found += [self._moment(place)] * (until - len(found))
        return found

    def offset_of(self, since: datetime) -> int:
        """Where the first stretch begins that may have been written at `since` or later."""
        moment = since.timestamp()
        offset = 0
        for _, at, end in self._records:
            if at >= moment:
                return offset
            offset = end
        return offset

    def _moment(self, place: int) -> Moment | None:
        if not self._records:
            return None
        if place < len(self._records):
            since, at, _ = self._records[place]
        else:
            # Not looked at yet: written after the last look, and no later than the file was touched.
            since = self._records[-1][1]
            at = max(since, self._touched)
        return Moment(datetime.fromtimestamp(at, UTC), round(max(0.0, at - since), 3))
