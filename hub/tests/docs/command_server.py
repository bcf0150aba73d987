"""`python -m hub.tests.docs.command_server SOCKET`: runs management commands in forks of a process that has loaded Hub,
so that each costs milliseconds. Each is a process as ever, with arguments, folder and streams of its own.

`command_client.py` asks it; that stands where the documentation says `bin/manage`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import traceback

import django
from django.conf import settings
from django.core.management import execute_from_command_line, get_commands, load_command_class


def serve(path: str) -> None:
    """Until it is told to end: one child for each connection."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "hub.settings"
    django.setup()
    for name, app in get_commands().items():
        if app in settings.INSTALLED_APPS:
            load_command_class(app, name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: the caller is told
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(8)
        while True:
            caller, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                answer(caller)
                os._exit(0)
            caller.close()


def answer(caller: socket.socket) -> None:
    """Run what the caller asks for on the caller's streams, and tell it the exit code."""
    text, files, *_ = socket.recv_fds(caller, 1 << 16, 3)
    for number, file in enumerate(files):
        os.dup2(file, number)
    said = json.loads(text)
    os.chdir(said["folder"])
    sys.argv = ["manage.py", *said["arguments"]]
    code = 0
    try:
        execute_from_command_line(sys.argv)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1 if end.code else 0
    except BaseException:  # noqa: BLE001 - as Python itself ends a program
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    caller.sendall(bytes([code & 255]))


if __name__ == "__main__":
    serve(sys.argv[1])
