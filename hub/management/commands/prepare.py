"""`manage.py prepare`: what must be done before anything of Hub runs."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from hub.launch.errors import LaunchError
from hub.launch.prepare import check_disk, prepare


class Command(BaseCommand):
    help = "Bring the database and the static files up to date, where Hub's parts run alone. `up` does it by itself."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            check_disk()
            applied = prepare()
        except LaunchError as error:
            sys.exit(f"hub: {error}")
        for name in applied:
            self.stdout.write(f"Applied {name}")
