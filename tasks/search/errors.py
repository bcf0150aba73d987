"""What can be wrong with a query."""

from __future__ import annotations


class BadQuery(ValueError):
    """A query that is not understood. `position` counts characters from 0, `expected` says what could stand there."""

    def __init__(self, message: str, position: int, expected: str):
        super().__init__(f"{message} At character {position + 1}: expected {expected}.")
        self.message, self.position, self.expected = message, position, expected
