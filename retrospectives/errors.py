"""What can be wrong with a wish. Every `message` is for the user."""

from __future__ import annotations


class RetrospectiveError(Exception):
    """Input that cannot be used. `field` names what is wrong."""

    def __init__(self, message: str, field: str = ""):
        super().__init__(message)
        self.message, self.field = message, field


class BadSprint(RetrospectiveError):
    """A sprint that cannot be kept. `field` is the name of the value that is wrong."""


class NotEnough(RetrospectiveError):
    """Too few sprints or values to say anything."""
