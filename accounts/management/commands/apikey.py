"""Keys for scripts."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.actions import AccountError, make_key, revoke_key, rotate_key
from accounts.grants import projects_by_number
from accounts.models import ApiKey
from accounts.permissions import Role, Scope
from accounts.shell import shell_actor

WHICH = "its name, or the part between the two underlines"


class Command(BaseCommand):
    """`manage.py apikey create|list|rotate|revoke`."""

    help = "Makes, lists, renews and revokes API keys. A new key is printed once and can never be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="Make a key and print it.")
        create.add_argument("name")
        create.add_argument("--role", choices=Role.values, default=Role.OPERATOR.value,
                            help="the scopes that this role stands for")
        create.add_argument("--scope", choices=Scope.values, action="append", default=[],
                            help="in place of a role; may be given several times")
        create.add_argument("--project", action="append", metavar="ID|NAME",
                            help="it sees this project only; may be given several times")
        create.add_argument("--days", type=int, help="it is good for so many days; without it until it is revoked")
        create.add_argument("--no-payloads", action="store_true", help="it sees no parameters, environments and logs")
        listing = actions.add_parser("list", help="List the keys.")
        listing.add_argument("--json", action="store_true")
        rotate = actions.add_parser("rotate", help="Give a key a new secret and print it; the old one ends at once.")
        rotate.add_argument("key", help=WHICH)
        revoke = actions.add_parser("revoke", help="End a key for ever.")
        revoke.add_argument("key", help=WHICH)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what the first word says."""
        try:
            getattr(self, options["action"])(options)
        except AccountError as error:
            raise CommandError(error.message) from None

    def create(self, options: dict[str, Any]) -> None:
        """Standard output carries the key and nothing else, for `$(...)`."""
        days = options["days"]
        if days is not None and not 1 <= days <= 36500:
            raise CommandError("A key is good for 1 to 36500 days.")
        key, plain = make_key(
            options["name"], options["role"], created_by=shell_actor(), scopes=options["scope"],
            projects=None if options["project"] is None else [_project(text) for text in options["project"]],
            expires_at=None if days is None else timezone.now() + timedelta(days=days),
            payloads=not options["no_payloads"],
        )  # fmt: skip
        self.stdout.write(plain)
        self.stderr.write(f"Key {key.name!r}: {', '.join(key.scopes)}. Keep it now: it cannot be shown again.")

    def list(self, options: dict[str, Any]) -> None:
        """One line per key, newest first."""
        now = timezone.now()
        for key in ApiKey.objects.all():
            if options["json"]:
                self.stdout.write(json.dumps(_facts(key), ensure_ascii=False))
                continue
            state = "in force"
            if key.revoked_at:
                state = f"revoked {key.revoked_at:%Y-%m-%d}"
            elif key.expires_at:
                state = f"{'over since' if key.has_expired(now) else 'good until'} {key.expires_at:%Y-%m-%d}"
            used = "never used"
            if key.last_used_at:
                used = f"last used {key.last_used_at:%Y-%m-%d %H:%M} from {key.last_used_address or 'here'}"
            places = "" if key.projects is None else f"  projects {', '.join(map(str, key.projects)) or 'none'}"
            self.stdout.write(f"{key.name}  hub_{key.public_id}_…  {','.join(key.scopes)}{places}  {state}, {used}")

    def rotate(self, options: dict[str, Any]) -> None:
        """Standard output carries the new key and nothing else."""
        key = _in_force(options["key"])
        self.stdout.write(rotate_key(key))
        self.stderr.write(f"Key {key.name!r} has a new secret; the old one is no longer good.")

    def revoke(self, options: dict[str, Any]) -> None:
        """By name (of the key in force) or public id."""
        key = _in_force(options["key"])
        if not revoke_key(key):
            raise CommandError(f"The key {key.name!r} was revoked just now.")
        self.stdout.write(f"Key {key.name!r} is revoked.")


def _in_force(text: str) -> ApiKey:
    keys = ApiKey.objects.filter(revoked_at=None)
    key = keys.filter(name=text).first() or keys.filter(public_id=text).first()
    if key is None:
        raise CommandError(f"There is no key {text!r} in force. `manage.py apikey list` shows all.")
    return key


def _project(text: str) -> int:
    names = projects_by_number()
    found = [number for number, name in names.items() if text in (str(number), name)]
    if not found:
        raise CommandError(f"There is no project {text!r}.")
    return found[0]


def _facts(key: ApiKey) -> dict[str, Any]:
    names = ("created_at", "rotated_at", "expires_at", "last_used_at", "revoked_at")
    moments = {name: getattr(key, name) for name in names}
    return {
        "name": key.name, "public_id": key.public_id, "role": key.role, "scopes": key.scopes, "projects": key.projects,
        "payloads": key.payloads, "created_by": key.created_by, "last_used_address": key.last_used_address,
        **{name: moment.isoformat() if moment else None for name, moment in moments.items()},
    }
