"""Keys for scripts."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actions import AccountError, make_key, revoke_key
from accounts.models import ApiKey, Role
from accounts.shell import shell_actor


class Command(BaseCommand):
    """`manage.py apikey create|list|revoke`."""

    help = "Makes, lists and revokes API keys. A new key is printed once and can never be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="Make a key and print it.")
        create.add_argument("name")
        create.add_argument("--role", choices=Role.values, default=Role.OPERATOR.value)
        listing = actions.add_parser("list", help="List the keys.")
        listing.add_argument("--json", action="store_true")
        revoke = actions.add_parser("revoke", help="End a key for ever.")
        revoke.add_argument("key", help="its name, or the part between the two underlines")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what the first word says."""
        getattr(self, options["action"])(options)

    def create(self, options: dict[str, Any]) -> None:
        """Standard output carries the key and nothing else, for `$(...)`."""
        try:
            key, plain = make_key(options["name"], options["role"], created_by=shell_actor())
        except AccountError as error:
            raise CommandError(error.message) from None
        self.stdout.write(plain)
        self.stderr.write(f"Key {key.name!r}, role {key.role}. Keep it now: it cannot be shown again.")

    def list(self, options: dict[str, Any]) -> None:
        """One line per key, newest first."""
        for key in ApiKey.objects.all():
            facts = {
                "name": key.name, "public_id": key.public_id, "role": key.role, "created_by": key.created_by,
                "created_at": key.created_at.isoformat(),
                "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
                "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
            }
            if options["json"]:
                self.stdout.write(json.dumps(facts, ensure_ascii=False))
                continue
            state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "in force"
            used = f"last used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
            self.stdout.write(f"{key.name}  hub_{key.public_id}_…  {key.role}  {state}, {used}")

    def revoke(self, options: dict[str, Any]) -> None:
        """By name (of the key in force) or public id."""
        keys = ApiKey.objects.filter(revoked_at=None)
        key = keys.filter(name=options["key"]).first() or keys.filter(public_id=options["key"]).first()
        if key is None or not revoke_key(key):
            raise CommandError(f"There is no key {options['key']!r} in force. `manage.py apikey list` shows all.")
        self.stdout.write(f"Key {key.name!r} is revoked.")
