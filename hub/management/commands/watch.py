"""`manage.py watch`: the loop that rescues tasks and observes projects."""

from typing import Any

from django.core.management.base import BaseCommand

from hub.watch import Watch


class Command(BaseCommand):
    help = "Rescue tasks whose worker died, and compare projects with what really runs, until it is stopped."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        Watch().run()
