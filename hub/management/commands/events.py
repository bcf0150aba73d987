"""`manage.py events`: read what happened, follow what happens, publish, and send it once more."""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connections
from django.utils.module_loading import import_string

from accounts.shell import shell_actor
from events.context import acting
from events.finding import Wanted, find
from events.keyset import MAX_LIMIT
from events.models import Event
from events.moments import EXAMPLES, BadMoment, period, since
from events.publishing import BadPayload, publish
from events.relay.numbering import last_position
from events.relay.source import Source
from events.replaying import BadSpeed, pace, paced
from events.shapes import event_dict
from events.subjects import BadSubject, Pattern
from events.tail import BeyondTheEnd, checked_position
from webhooks.errors import BadWebhook
from webhooks.replaying import chosen, replayed

PATTERN = "a pattern: * is one part, > at the end the rest"
# Seconds until a database that does not answer is asked again.
AGAIN = 1.0
BAD_INPUT = 2
HEAD = f"{'TIME':<27}  {'POSITION':>9}  {'SUBJECT':<40}  {'ACTOR':<16}  PAYLOAD"


class Command(BaseCommand):
    """`query`, `follow`, `publish` and `replay`. Exit code 2 with one line for what is not understood."""

    help = "Reads, follows, publishes and replays events."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        query = actions.add_parser("query", help="Print events, newest first.")
        query.add_argument("--subject", default=">", help=PATTERN)
        query.add_argument("--since", default="", help=f"the first moment: {EXAMPLES}")
        query.add_argument("--until", default="", help="the last moment; a day is meant with its end")
        query.add_argument("--actor", default="")
        query.add_argument("--correlation", default="", help="of one request and all that came of it")
        query.add_argument("--order", choices=["asc", "desc"], default="desc", help="asc: oldest first")
        query.add_argument("--limit", type=int, default=100, help="at most so many (100)")
        _add_formats(query)
        follow = actions.add_parser("follow", help="Print events as they happen, until it is stopped.")
        follow.add_argument("--subject", default=">", help=PATTERN)
        follow.add_argument("--after", default="", help="a position to go on from (0: everything that is kept)")
        follow.add_argument("--limit", type=int, default=0, help="stop after so many")
        _add_formats(follow)
        said = actions.add_parser("publish", help="Write an event of another domain than Hub's own.")
        said.add_argument("subject", help="hub.<hub_id>.<domain>.<action>")
        said.add_argument("payload", nargs="?", default="{}", help="a JSON object; - reads it from standard input")
        said.add_argument("--correlation", default="", help="a UUID")
        _add_formats(said)
        replay = actions.add_parser("replay", help="Send events once more, in the order of the stream.")
        replay.add_argument("--subject", default=">", help=PATTERN)
        replay.add_argument("--since", default="", help=f"the first moment: {EXAMPLES}; without it all that is kept")
        replay.add_argument("--to", choices=["stdout", "nats", "webhook"], default="stdout",
                            help="nats: to JetStream once more; what it has is no second message there; "
                                 "webhook: to all that are on, or to --webhook, as their own patterns say")
        replay.add_argument("--webhook", default="", help="the name of one; on or not")
        replay.add_argument("--speed", default="max", help="1 in the time it took, 10 ten times as fast; max at once")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, f"_{options['action']}")(**options)
        except (BadSubject, BadMoment, BadPayload, BeyondTheEnd, BadSpeed, BadWebhook) as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from None
        except KeyboardInterrupt:  # the usual end of who follows
            return

    def _query(self, **options: Any) -> None:
        if options["limit"] < 1:
            raise CommandError("--limit is a number from 1.", returncode=BAD_INPUT)
        first, last = period(options["since"], options["until"])
        wanted = Wanted(Pattern.read(options["subject"]), first, last, _correlation(options), options["actor"])
        self._head(options)
        left, cursor = options["limit"], ""
        while left > 0 and cursor is not None:
            part = find(wanted, limit=min(left, MAX_LIMIT), cursor=cursor, ascending=options["order"] == "asc")
            for event in part.items:
                self._print(event_dict(event), options)
            left, cursor = left - len(part.items), part.next_cursor

    def _follow(self, **options: Any) -> None:
        """Goes on through a restart of Hub, of Redis or of the database."""
        pattern, position = Pattern.read(options["subject"]), checked_position(options["after"])
        self._head(options)
        left = options["limit"]
        for text in _as_it_happens(pattern, position, self.stderr):
            self._print(json.loads(text), options)
            left -= 1
            if left == 0:
                return

    def _publish(self, **options: Any) -> None:
        text = sys.stdin.read() if options["payload"] == "-" else options["payload"]
        try:
            payload = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadPayload(f"The payload is not JSON: {error}.") from None
        with acting(actor=shell_actor(), via="command"):
            event = publish(options["subject"], payload, _correlation(options))
        self._print(event_dict(event), options)

    def _replay(self, **options: Any) -> None:
        events = paced(Pattern.read(options["subject"]), since(options["since"]), pace(options["speed"]))
        if options["to"] == "nats":
            self._to_nats(events)
            return
        if options["to"] == "webhook":
            self._to_webhooks(events, options)
            return
        for event in events:
            self._print(event_dict(event), {"format": "json"})

    def _to_nats(self, events: Iterator[Event]) -> None:
        if settings.NATS is None:
            raise CommandError("NATS_URL is not set.", returncode=BAD_INPUT)
        # By name: only who speaks with NATS carries its client.
        carrier, sent = import_string("events.nats.carrier.NatsCarrier")(settings.NATS), 0
        try:
            for event in events:
                carrier.send([event])
                sent += 1
        except ConnectionError as error:
            raise CommandError(f"NATS took {sent} events, then no more: {error}") from None
        finally:
            carrier.leave()
        self.stdout.write(f"{sent} events were sent.")

    def _to_webhooks(self, events: Iterator[Event], options: dict[str, Any]) -> None:
        with acting(actor=shell_actor(), via="command"):
            done = replayed(events, chosen(options["webhook"]), options["subject"], options["since"])
        self.stdout.write(f"{done.sent} deliveries were taken.")
        if done.problem:
            raise CommandError(f"Then one was not: {done.problem}")

    def _head(self, options: dict[str, Any]) -> None:
        if options["format"] == "table" and not options["json"]:
            self.stdout.write(HEAD)

    def _print(self, event: dict[str, Any], options: dict[str, Any]) -> None:
        payload = json.dumps(event["payload"], ensure_ascii=False)
        if options.get("json") or options["format"] == "json":
            self.stdout.write(json.dumps(event, ensure_ascii=False))
        elif options["format"] == "table":
            short = event["subject"].split(".", 2)[-1]
            place = "" if event["position"] is None else event["position"]
            self.stdout.write(f"{event['timestamp']:<27}  {place:>9}  {short:<40}  {event['actor']:<16}  {payload}")
        else:
            self.stdout.write(f"{event['timestamp']}  {event['subject']}  {event['actor']}  "
                              f"{event['correlation_id']}  {payload}")
        self.stdout.flush()


def _add_formats(parser: CommandParser) -> None:
    parser.add_argument("--format", choices=["compact", "table", "json"], default="compact")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, as --format json")


def _correlation(options: dict[str, Any]) -> uuid.UUID | None:
    try:
        return uuid.UUID(options["correlation"]) if options["correlation"] else None
    except ValueError:
        raise CommandError(f"--correlation {options['correlation']!r} is no UUID.", returncode=BAD_INPUT) from None


def _as_it_happens(pattern: Pattern, position: int | None, errors: Any) -> Iterator[str]:
    """The JSON of each event that follows on a position; without one of what is new."""
    source, trouble = Source(), ""
    while True:
        try:
            if position is None:
                position = last_position()
            entries = source.more(position, 1.0)
        except Error as error:
            connections.close_all()
            if not trouble:
                errors.write(f"The database does not answer ({str(error).strip()}); trying again.")
            trouble = str(error)
            time.sleep(AGAIN)
            continue
        trouble = ""
        for entry in entries:
            position = entry.position
            if pattern.matches(entry.subject):
                yield entry.text
