"""`manage.py workers`: the workers that are alive, and orders to them."""

from __future__ import annotations

import getpass
import json
import re
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.context import acting
from tasks import workers
from tasks.crews import actions as crews
from tasks.crews.models import MOST
from tasks.errors import BadLimit
from tasks.queue import QueueAway, WorkerInfo

FAILED, BAD_INPUT = 1, 2
POLL = 0.2
NUMBER = re.compile("[0-9]{1,9}")


class Command(BaseCommand):
    """`manage.py workers list|show|drain|stop|kill|scale` (`manage.py worker` is one).

    Exit code 0: done (with --wait: and it has finished its task, or has ended); 1: Redis or the worker does not
    answer; 2: there is no such worker, or bad input.
    """

    help = "Lists, drains, stops and kills workers, and says how many there are to be."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        listing = verbs.add_parser("list", help="The workers that are alive.")
        show = verbs.add_parser("show", help="One worker.")
        drain = verbs.add_parser("drain", help="Finish the task at hand and take no other, until it is stopped.")
        stop = verbs.add_parser("stop", help="Finish the task at hand and end.")
        kill = verbs.add_parser("kill", help="End at once; its task is settled as one whose process died.")
        for verb in (show, drain, stop, kill):
            verb.add_argument("id")
        for verb in (drain, stop, kill):
            verb.add_argument("--wait", action="store_true", help="until it works on nothing, or has ended")
        scale = verbs.add_parser("scale", help="How many workers up keeps; with a number so many, until auto.")
        scale.add_argument("number", nargs="?", metavar="NUMBER|auto", help="auto: as many as are needed")
        scale.add_argument("--node", default=settings.HUB_NODE, help="the host whose up it is (this one)")
        scale.add_argument("--reason", default="", help="what for; it stands on the page and in the event")
        for verb in (listing, show, drain, stop, kill, scale):
            verb.add_argument("--json", action="store_true", help="JSON on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        with acting(actor=f"command:{getpass.getuser()}", via="command"):
            try:
                self._do(options["verb"], options)
            except (workers.NoSuchWorker, crews.NoSuchCrew, BadLimit) as error:
                raise CommandError(str(error), returncode=BAD_INPUT) from None
            except (workers.Unheard, QueueAway) as error:
                raise CommandError(str(error), returncode=FAILED) from None

    def _do(self, verb: str, options: dict[str, Any]) -> None:
        if verb == "scale":
            self._scale(options)
            return
        if verb == "list":
            found = workers.workers()
            if options["json"]:
                self._json([workers.worker_dict(one) for one in found])
            for one in found if not options["json"] else ():
                self._line(one)
            return
        one = workers.worker(options["id"]) if verb == "show" else workers.order(options["id"], verb)
        if options.get("wait"):
            _wait(one.name, until_gone=verb != "drain")
        if options["json"]:
            self._json(workers.worker_dict(one))
        else:
            self._line(one)

    def _scale(self, options: dict[str, Any]) -> None:
        number, node = options["number"], options["node"]
        if number is None:
            crew = crews.crew(node)
        elif number == "auto":
            crew = crews.release(node)
        elif NUMBER.fullmatch(number):
            crew = crews.fix(node, int(number), options["reason"])
        else:
            raise BadLimit(f"{number[:40]!r} is no number of workers: use 1 to {MOST}, or auto.", "workers")
        if options["json"]:
            self._json(crews.crew_dict(crew))
        else:
            self.stdout.write(f"{crew.node}  {crews.sentence(crew)}")

    def _line(self, one: WorkerInfo) -> None:
        self.stdout.write(f"{one.name}  {one.state:<8}  {one.node}  pid {one.pid}  {one.memory >> 20} MB  "
                          f"{','.join(one.lanes)}  {one.task}".rstrip())

    def _json(self, value: Any) -> None:
        self.stdout.write(json.dumps(value, ensure_ascii=False, indent=2))


def _wait(name: str, *, until_gone: bool) -> None:
    while True:
        try:
            found = workers.worker(name)
        except workers.NoSuchWorker:
            return
        if not until_gone and not found.task:
            return
        time.sleep(POLL)
