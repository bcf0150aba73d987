"""Alerts from the command line."""

from __future__ import annotations

import getpass
import json
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from alerts import actions, channel_actions
from alerts.errors import AlertError, Undelivered
from alerts.evaluator import pulse
from alerts.models import Alert, Channel, Rule
from alerts.sentences import length
from alerts.shapes import alert_dict, pulse_dict, rule_dict
from alerts.states import OPEN
from events.context import acting
from events.words import ago, span

BAD_INPUT = 2
LISTED = 50


class Command(BaseCommand):
    """`manage.py alert list|rules|test|ack|mute|unmute`. Exit code 0: done; 1: `list` found one that fires, or the test
    was not delivered; 2: bad input, which is named."""

    help = "Lists alerts and rules, tries channels, acknowledges and mutes."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        listing = verbs.add_parser("list", help="Open alerts, with --all also past ones; exits with 1 if one fires.")
        listing.add_argument("--all", action="store_true")
        rules = verbs.add_parser("rules", help="All rules.")
        test = verbs.add_parser("test", help="Send a message through a channel.")
        test.add_argument("channel", help="its name or number")
        ack = verbs.add_parser("ack", help="Say that somebody looks after an alert.")
        ack.add_argument("alert", help="its number")
        mute = verbs.add_parser("mute", help="Tell nobody of a rule for so long.")
        mute.add_argument("rule", help="its name or number")
        mute.add_argument("--for", dest="length", default="1 h", metavar="LENGTH", help="such as 30min, 2h, 1d (1h)")
        unmute = verbs.add_parser("unmute", help="Tell people again.")
        unmute.add_argument("rule", help="its name or number")
        for verb in (listing, rules, test, ack, mute, unmute):
            verb.add_argument("--json", action="store_true", help="JSON on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what the verb says, as the person at this terminal."""
        with acting(actor=f"command:{getpass.getuser()}", via="command"):
            try:
                getattr(self, options["verb"])(options)
            except AlertError as error:
                raise CommandError(error.message, returncode=BAD_INPUT) from None

    def list(self, options: dict[str, Any]) -> None:
        """One line per alert, newest first."""
        found = Alert.objects.all() if options["all"] else Alert.objects.filter(state__in=sorted(OPEN))
        alerts, beat = list(found[:LISTED]), pulse()
        if options["json"]:
            self._json({"evaluator": pulse_dict(beat), "items": [alert_dict(one) for one in alerts]})
        else:
            if beat.is_late:
                last = "never" if beat.age is None else f"{span(beat.age)} ago"
                self.stderr.write(f"Rules are not looked at: the last pass was {last}. Is `watch` running?")
            for one in alerts:
                self.stdout.write(f"{one.pk:>5}  {one.state:<8}  {one.level:<7}  {ago(one.fired_at or one.pending_at)}"
                                  f"  {one}: {one.sentence}")
        if any(one.is_firing for one in alerts):
            raise SystemExit(1)

    def rules(self, options: dict[str, Any]) -> None:
        """One line per rule."""
        found = list(Rule.objects.prefetch_related("channels"))
        if options["json"]:
            self._json([rule_dict(one) for one in found])
            return
        for one in found:
            state = "off" if not one.enabled else "muted" if one.is_muted() else "on"
            self.stdout.write(f"{one.pk:>5}  {state:<5}  {one.level:<7}  {one.name}: {rule_dict(one)['condition']}")

    def test(self, options: dict[str, Any]) -> None:
        """Says whether it was delivered."""
        channel = self._find(Channel, options["channel"], "channel")
        try:
            channel_actions.test(channel)
        except Undelivered as error:
            self._say({"delivered": False, "problem": error.message}, error.message, options)
            raise SystemExit(1) from None
        self._say({"delivered": True, "problem": None}, f"{channel.name} has the message.", options)

    def ack(self, options: dict[str, Any]) -> None:
        """Prints the alert."""
        alert = self._find(Alert, options["alert"], "alert")
        actions.acknowledge(alert)
        self._say(alert_dict(alert), f"{alert} is acknowledged.", options)

    def mute(self, options: dict[str, Any]) -> None:
        """Prints the rule."""
        rule = self._find(Rule, options["rule"], "rule")
        actions.mute(rule, timezone.now() + timedelta(seconds=length(options["length"], "for", 90 * 86400)))
        self._say(rule_dict(rule), f"{rule.name} is muted until {rule.muted_until:%Y-%m-%d %H:%M} UTC.", options)

    def unmute(self, options: dict[str, Any]) -> None:
        """Prints the rule."""
        rule = self._find(Rule, options["rule"], "rule")
        actions.unmute(rule)
        self._say(rule_dict(rule), f"{rule.name} is not muted any more.", options)

    def _find(self, model: Any, text: str, what: str) -> Any:
        found = model.objects.filter(name=text).first() if model is not Alert else None
        if found is None and text.isascii() and text.isdigit() and len(text) < 18:
            found = model.objects.filter(pk=int(text)).first()
        if found is None:
            raise CommandError(f"There is no {what} {text[:80]!r}.", returncode=BAD_INPUT)
        return found

    def _say(self, value: Any, text: str, options: dict[str, Any]) -> None:
        if options["json"]:
            self._json(value)
        else:
            self.stdout.write(text)

    def _json(self, value: Any) -> None:
        self.stdout.write(json.dumps(value, ensure_ascii=False, indent=2))
