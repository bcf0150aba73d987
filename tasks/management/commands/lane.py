"""`manage.py lane`: the lanes and their limits."""

from __future__ import annotations

import getpass
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.context import acting
from tasks import lane_actions
from tasks.errors import BadLimit
from tasks.lane_actions import LaneLimits
from tasks.lanes import LANES
from tasks.models import Lane, SubjectCap

BAD_INPUT = 2


class Command(BaseCommand):
    """`manage.py lane list|pause|resume|limit|cap|uncap`. Exit code 0: done; 2: bad input."""

    help = "Lists, pauses, resumes and limits lanes, and caps subjects."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        listing = verbs.add_parser("list", help="Every lane with its limits, and the caps of subjects.")
        listing.add_argument("--json", action="store_true", help="JSON on standard output")
        limit = verbs.add_parser("limit", help="Set all limits of a lane; what is not given is taken away.")
        for verb in (verbs.add_parser("pause", help="Start no task of it; what runs goes on."),
                     verbs.add_parser("resume", help="Start its tasks again."), limit):
            verb.add_argument("lane", choices=LANES)
        limit.add_argument("--cap", type=int, help="how many of its tasks may run at a time")
        limit.add_argument("--rate", type=int, help="how many may start in any period")
        limit.add_argument("--period", type=float, metavar="SECONDS")
        cap = verbs.add_parser("cap", help="How many tasks may run at a time whose subject begins with a prefix.")
        cap.add_argument("prefix", help="such as projects.project:")
        cap.add_argument("cap", type=int)
        verbs.add_parser("uncap", help="Take that cap away.").add_argument("prefix")

    def handle(self, *args: Any, **options: Any) -> None:
        with acting(actor=f"command:{getpass.getuser()}", via="command"):
            try:
                self._do(options["verb"], options)
            except BadLimit as error:
                raise CommandError(error.message, returncode=BAD_INPUT) from None

    def _do(self, verb: str, options: dict[str, Any]) -> None:
        if verb == "list":
            self._list(options["json"])
        elif verb == "cap":
            lane_actions.cap_subject(options["prefix"], options["cap"])
            self.stdout.write(f"At most {options['cap']} about {options['prefix']} run at a time.")
        elif verb == "uncap":
            lane_actions.uncap_subject(options["prefix"])
            self.stdout.write(f"{options['prefix']} has no cap any more.")
        elif verb == "limit":
            wanted = LaneLimits(options["cap"], options["rate"], options["period"])
            self._line(lane_actions.limit(options["lane"], wanted))
        else:
            self._line({"pause": lane_actions.pause, "resume": lane_actions.resume}[verb](options["lane"]))

    def _list(self, as_json: bool) -> None:
        lanes, caps = lane_actions.lanes(), SubjectCap.objects.all()
        if as_json:
            self.stdout.write(json.dumps({
                "lanes": [{"name": lane.name, "paused": lane.paused, "cap": lane.cap, "rate": lane.rate,
                           "period": lane.period} for lane in lanes],
                "subjects": [{"prefix": cap.prefix, "cap": cap.cap} for cap in caps],
            }, ensure_ascii=False, indent=2))
            return
        for lane in lanes:
            self._line(lane)
        for cap in caps:
            self.stdout.write(f"{cap.prefix}  at most {cap.cap} at a time")

    def _line(self, lane: Lane) -> None:
        words = ["paused"] if lane.paused else []
        if lane.cap is not None:
            words.append(f"at most {lane.cap} at a time")
        if lane.rate is not None:
            words.append(f"at most {lane.rate} starts in {lane.period:g} s")
        self.stdout.write(f"{lane.name}  {', '.join(words) or 'no limits'}")
