"""Read what happened."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from events.actions import BadSubject, matching
from events.models import Event
from events.times import iso

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Command(BaseCommand):
    """`manage.py events query`."""

    help = "Reads what happened."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        query = actions.add_parser("query", help="Print events, newest first.")
        query.add_argument("--subject", default=">", help="a pattern: * is one part, > at the end the rest")
        query.add_argument("--since", help="30s, 15m, 2h, 7d, or a time such as 2026-03-01T12:00")
        query.add_argument("--limit", type=int, default=100, help="at most so many (100)")
        query.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line per event."""
        if options["limit"] < 1:
            raise CommandError("--limit is a number from 1.")
        try:
            events = matching(options["subject"])
        except BadSubject as error:
            raise CommandError(str(error)) from None
        if options["since"]:
            events = events.filter(timestamp__gte=_moment(options["since"]))
        for event in events[: options["limit"]]:
            self.stdout.write(_json(event) if options["json"] else _line(event))


def _moment(text: str) -> datetime:
    if match := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return timezone.now() - timedelta(**{UNITS[match[2]]: int(match[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--since {text!r} is not understood: use 30s, 15m, 2h, 7d or 2026-03-01T12:00.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _line(event: Event) -> str:
    payload = json.dumps(event.payload, ensure_ascii=False)
    return f"{iso(event.timestamp)}  {event.subject}  {event.actor}  {event.correlation_id}  {payload}"


def _json(event: Event) -> str:
    return json.dumps({
        "id": str(event.pk), "subject": event.subject, "origin": event.origin, "actor": event.actor,
        "correlation_id": str(event.correlation_id), "payload": event.payload, "timestamp": iso(event.timestamp),
    }, ensure_ascii=False)
