"""What can be wrong with a report."""

from __future__ import annotations

from analytics.errors import BadQuestion


class BadReport(BadQuestion):
    """A report that cannot be made. `field` names the part of its address that is wrong."""


class Busy(Exception):
    """As many exports as may be are being read just now."""
