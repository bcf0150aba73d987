"""What can be wrong with a wish. Every `message` is for the user."""

from __future__ import annotations


class AlertError(Exception):
    """Input that cannot be used. `field` names what is wrong."""

    def __init__(self, message: str, field: str = ""):
        super().__init__(message)
        self.message, self.field = message, field


class NotNow(AlertError):
    """It cannot be done in the state that it is in."""


class Undelivered(Exception):
    """A message that its receiver did not take. `message` is for the user; `for_good`: no later try would help."""

    def __init__(self, message: str, *, for_good: bool = False):
        super().__init__(message)
        self.message, self.for_good = message, for_good
