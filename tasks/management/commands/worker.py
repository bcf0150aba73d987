"""`manage.py worker`: one process that works on tasks."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tasks.lanes import LANES
from tasks.worker import HubWorker, NameTaken


class Command(BaseCommand):
    help = "Work on tasks until stopped. SIGTERM ends after the task at hand; a second one kills the task."
    # The pages and the API are nothing to a worker, and cost memory.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--lanes", default=",".join(LANES), help=f"comma-separated, of {', '.join(LANES)}")
        parser.add_argument("--name", default=None, help="unique among live workers")

    def handle(self, *args: Any, **options: Any) -> None:
        lanes = [lane.strip() for lane in options["lanes"].split(",") if lane.strip()]
        unknown = [lane for lane in lanes if lane not in LANES]
        if unknown or not lanes:
            raise CommandError(f"There is no lane {', '.join(unknown)!r}: use {', '.join(LANES)}.", returncode=2)
        try:
            HubWorker.of_lanes(lanes, options["name"]).work()
        except NameTaken as error:
            raise CommandError(str(error), returncode=2) from None
