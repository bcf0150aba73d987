"""`manage.py webhook`: who is told what happens."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.shell import shell_actor
from events.context import acting
from tasks.errors import TaskError
from webhooks import actions
from webhooks.errors import BadWebhook
from webhooks.models import Delivery, Subscription
from webhooks.shapes import delivery_dict, webhook_dict

BAD_INPUT = 2
PLAIN = {
    "list": "All webhooks, and how they stand.",
    "pause": "Send it nothing more, until it is resumed.",
    "resume": "Go on where it stopped.",
    "secret": "Give it a new secret and print it, once.",
    "log": "The newest tries, with what was answered.",
    "delete": "Delete it, with its log.",
}


class Command(BaseCommand):
    """`manage.py webhook list|create|change|pause|resume|secret|log|replay|delete`. Exit code 2: bad input."""

    help = "Lists, makes, changes, pauses and deletes webhooks, and shows and repeats what they were sent."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="Make one; prints its secret, once.")
        create.add_argument("name")
        create.add_argument("subject", help="a pattern, such as project.>")
        create.add_argument("url")
        create.add_argument("--secret", default="", help="whsec_...; one is made where none is given")
        change = verbs.add_parser("change", help="Change what is given.")
        for verb, text in PLAIN.items():
            verbs.add_parser(verb, help=text)
        replay = verbs.add_parser("replay", help="Send the event of a delivery once more, as a task.")
        replay.add_argument("delivery", type=int, help="the number that log shows")
        for verb in ("change", "pause", "resume", "secret", "log", "delete"):
            verbs.choices[verb].add_argument("name")
        for field in ("new-name", "subject", "url"):
            change.add_argument(f"--{field}")
        verbs.choices["resume"].add_argument("--after", type=int, help="go on after this position")
        verbs.choices["log"].add_argument("--limit", type=int, default=20)
        for verb in ("list", "create", "log"):
            verbs.choices[verb].add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        with acting(actor=shell_actor(), via="command"):
            try:
                getattr(self, f"_{options['verb']}")(options)
            except TaskError as error:
                raise CommandError(error.message, returncode=BAD_INPUT) from None

    def _list(self, options: dict[str, Any]) -> None:
        for row in Subscription.objects.all():
            seen = webhook_dict(row, whole=True)
            self._say(seen, options, f"{row.name}  {row.state}  {row.subject}  {row.shown}  at {row.position}"
                                     f"{f', {row.failures} failures' if row.failures else ''}  {row.reason}".rstrip())

    def _create(self, options: dict[str, Any]) -> None:
        row, secret = actions.create(**{name: options[name] for name in ("name", "subject", "url", "secret")})
        self._say({**webhook_dict(row, whole=True), "secret": secret}, options, secret)

    def _change(self, options: dict[str, Any]) -> None:
        actions.change(_row(options), name=options["new_name"], subject=options["subject"], url=options["url"])

    def _pause(self, options: dict[str, Any]) -> None:
        actions.pause(_row(options))

    def _resume(self, options: dict[str, Any]) -> None:
        row = _row(options)
        if options["after"] is not None:
            row = actions.go_on_after(row, options["after"])
        actions.resume(row)

    def _secret(self, options: dict[str, Any]) -> None:
        self.stdout.write(actions.change_secret(_row(options)))

    def _log(self, options: dict[str, Any]) -> None:
        for one in _row(options).deliveries.all()[: max(options["limit"], 1)]:
            told = str(one.status) if one.succeeded else one.problem
            self._say(delivery_dict(one), options, f"{one.pk}  {one.at:%Y-%m-%d %H:%M:%S}  {one.position}  "
                                                   f"{one.subject}  {one.elapsed:.2f} s  {told}")

    def _replay(self, options: dict[str, Any]) -> None:
        delivery = Delivery.objects.filter(pk=options["delivery"]).first()
        if delivery is None:
            raise BadWebhook(f"There is no delivery {options['delivery']}.")
        self.stdout.write(str(actions.send_again(delivery).pk))

    def _delete(self, options: dict[str, Any]) -> None:
        actions.remove(_row(options))

    def _say(self, seen: dict[str, Any], options: dict[str, Any], line: str) -> None:
        self.stdout.write(json.dumps(seen, ensure_ascii=False) if options["json"] else line)


def _row(options: dict[str, Any]) -> Subscription:
    row = Subscription.objects.filter(name=options["name"]).first()
    if row is None:
        raise BadWebhook(f"There is no webhook named {options['name']!r}.")
    return row
