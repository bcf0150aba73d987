"""`manage.py migrate`: Django's own, which on PostgreSQL never keeps readers waiting behind it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands.migrate import Command as Migrate
from django.db import connections

from hub.migrating import LOCK_TIMEOUT, TRIES, patiently


class Command(Migrate):
    help = "Bring the database up to date. On PostgreSQL, gives up with exit code 75 where a table is held by others."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--lock-timeout", type=float, default=LOCK_TIMEOUT, metavar="SECONDS",
                            help="how long a change may wait for a table, and readers behind it (%(default)s)")
        parser.add_argument("--tries", type=int, default=TRIES, help="how often (%(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        patiently(lambda: super(Command, self).handle(*args, **options), connections[options["database"]],
                  lock_timeout=options["lock_timeout"], tries=max(1, options["tries"]))
