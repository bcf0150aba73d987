"""`manage.py up`: run a whole Hub, or stop the stacks that it started."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from hub.launch import launcher
from hub.launch.errors import LaunchError


class Command(BaseCommand):
    help = "Run Hub: embedded Redis, workers, watch and web. Ctrl-C stops it; started stacks keep running."
    # The checks load every page and take time; bin/test runs them.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--stop-stacks", action="store_true", help="stop all started stacks, and end")

    def handle(self, *args: Any, **options: Any) -> None:
        run = launcher.stop_stacks if options["stop_stacks"] else launcher.up
        try:
            code = run(settings.ENV)
        except LaunchError as error:
            sys.exit(f"hub: {error}")
        sys.exit(code)
