"""Lines of the log, without what must not be kept in one: for people, or as JSON for what collects logs."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime

from events.times import iso

# The last part of a sign-in link is as good as a password until it is used; also where it is quoted in an address.
TOKEN = re.compile(r"(sign-in(?:/|%2f))[^/\s\"'?#&%]+", re.IGNORECASE)
# What every record has; what else a record brings was given by whoever logged it.
USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "correlation_id"}


class LineFormatter(logging.Formatter):
    """Hides the tokens of sign-in links, in messages as in tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        return TOKEN.sub(r"\1…", super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (ISO 8601, UTC), `level`, `logger`, `message`, `correlation_id` (null outside of
    any action), `pid`, where there are any `exception` (the traceback) and `extra`. Hides what LineFormatter does."""

    def format(self, record: logging.LogRecord) -> str:
        told = getattr(record, "correlation_id", "-")
        line = {
            "time": iso(datetime.fromtimestamp(record.created, UTC)), "level": record.levelname, "logger": record.name,
            "message": record.getMessage(), "correlation_id": None if str(told) == "-" else str(told),
            "pid": record.process,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if extra := {name: value for name, value in vars(record).items() if name not in USUAL}:
            line["extra"] = extra
        return TOKEN.sub(r"\1…", json.dumps(line, ensure_ascii=False, default=str))
