"""Lines of the log, without what must not be kept in one."""

from __future__ import annotations

import logging
import re

# The last part of a sign-in link is as good as a password until it is used; also where it is quoted in an address.
TOKEN = re.compile(r"(sign-in(?:/|%2f))[^/\s\"'?#&%]+", re.IGNORECASE)


class LineFormatter(logging.Formatter):
    """Hides the tokens of sign-in links, in messages as in tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        return TOKEN.sub(r"\1…", super().format(record))
