"""`manage.py web`: pages and API alone, where workers and watch run elsewhere."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from hub.launch import port
from hub.launch.errors import LaunchError
from hub.launch.web import serve


class Command(BaseCommand):
    help = "Answer requests at HUB_HOST and HUB_PORT, until stopped. `up` does it by itself."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            sock = port.listen(settings.ENV.host, settings.ENV.port)
        except LaunchError as error:
            sys.exit(f"hub: {error}")
        self.stdout.write(f"Answering at {port.address(settings.ENV.host, settings.ENV.port)}")
        serve(sock)
