"""`manage.py web`: pages and API alone, where workers and watch run elsewhere."""

import os
import socket
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from hub.launch import port
from hub.launch.errors import LaunchError
from hub.launch.fork import die_with_parent
from hub.launch.web import serve


class Command(BaseCommand):
    help = "Answer requests at HUB_HOST and HUB_PORT, until stopped. `up` does it by itself."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--socket", type=int, metavar="FD", help="answer on this socket, which its parent holds")
        parser.add_argument("--ready", type=int, metavar="FD", help="where to write when requests can be answered")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["socket"] is not None:
            die_with_parent(os.getppid())
            serve(socket.socket(fileno=options["socket"]), ready=options["ready"])
            return
        try:
            sock = port.listen(settings.ENV.host, settings.ENV.port)
        except LaunchError as error:
            sys.exit(f"hub: {error}")
        self.stdout.write(f"Answering at {port.address(settings.ENV.host, settings.ENV.port)}")
        serve(sock)
