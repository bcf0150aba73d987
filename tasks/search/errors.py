"""What can be wrong with a query."""

from __future__ import annotations


class BadQuery(ValueError):
    """A query that is not understood. `position` counts characters from 0, `expected` says what could stand there."""

    def __init__(self, message: str, position: int, expected: str):
        super().__init__(f"{message} At character {position + 1}: expected {expected}.")
        self.message, self.position, self.expected = message, position, expected


class SearchStopped(Exception):
    """A query that is understood, and not answered. `message` says why, `hint` what to do about it."""

    def __init__(self, message: str, hint: str):
        super().__init__(f"{message} {hint}")
        self.message, self.hint = message, hint


class TooBroad(SearchStopped):
    """It was stopped after so many seconds."""

    def __init__(self, seconds: float, what: str = ""):
        about = f" for {what[:200]}" if what else ""
        super().__init__(
            f"This search{about} was stopped after {seconds:g} s: too many tasks had to be looked at one by one.",
            "Narrow it: by what they are about (project:shop), their state, when they were created (created:7d),"
            " or a word that is seldom.",
        )
        self.seconds = seconds


class NotYet(SearchStopped):
    """So many tasks are still to be taken in, and were not while somebody waited for the answer."""

    def __init__(self, left: int):
        super().__init__(f"Search has still to take in {left:,} tasks that were written just now.",
                         "It goes on by itself: ask again in a moment.")
