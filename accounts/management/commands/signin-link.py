"""A link that signs in once."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actions import make_sign_in_link


class Command(BaseCommand):
    """`manage.py signin-link [--user NAME]`."""

    help = "Prints a link that signs in once, within 15 minutes; while there is no admin, it makes the first one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", help="whom it signs in; by default the first admin")

    def handle(self, *args: Any, **options: Any) -> None:
        """Standard output carries the link and nothing else."""
        if name := options["user"]:
            user = User.objects.filter(username=name, is_active=True).first()
            if user is None:
                raise CommandError(f"There is nobody named {name!r} who may sign in.")
        else:
            user = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.ENV.host, settings.ENV.host)
        if ":" in host and not host.startswith("["):
            host = f"[{host}]"
        self.stdout.write(f"http://{host}:{settings.ENV.port}{make_sign_in_link(user)}")
        whom = f"Signs in {user.get_username()!r}" if user else "Makes the first admin"
        self.stderr.write(f"{whom}, once, within 15 minutes.")
