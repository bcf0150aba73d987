"""What can be wrong with a report."""

from __future__ import annotations

from analytics.errors import BadQuestion


class BadReport(BadQuestion):
    """A report that cannot be made. `field` names the part of its address that is wrong."""


class Busy(Exception):
    """As many exports as may be are being read just now."""


class NoFile(Exception):
    """An export that cannot be read, now or ever; the message is for who asked, `status` as in HTTP: 403, 404, 409."""

    def __init__(self, message: str, status: int):
        super().__init__(message)
        self.message, self.status = message, status


class NotWritten(Exception):
    """A file that could not be written; the message says why."""
