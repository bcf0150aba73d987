"""The roll-ups from the command line."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from analytics.counting import LARGE_BATCH, count_all
from analytics.recounting import MOST_NAMED, first_day, rebuild, verify
from events.moments import BadMoment, period

DIFFERENT, BAD_INPUT = 1, 2


class Command(BaseCommand):
    """`manage.py analytics rebuild|verify`. Exit code 0: done, and nothing differs; 1: something differs; 2: bad
    input, which is named."""

    help = "Makes the roll-ups of tasks anew, or compares them with the tasks that are there."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        for verb, text in (
            ("rebuild", "Count tasks anew, day by day. Days of which tasks were pruned are left as they are."),
            ("verify", "Name what is not as counting anew would make it."),
        ):
            one = verbs.add_parser(verb, help=text)
            one.add_argument("--since", default="", help="a day such as 2026-11-01, or 90d (default: the first task)")
            one.add_argument("--until", default="", help="a day, which is included (default: today)")
            one.add_argument("--json", action="store_true", help="JSON on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what the verb says."""
        try:
            begin, end = period(options["since"], options["until"])
        except BadMoment as error:
            raise CommandError(f"--{error}", returncode=BAD_INPUT) from None
        since, until = begin.date() if begin else first_day(), end.date() if end else timezone.now().date()
        if until > timezone.now().date():
            raise CommandError("--until: that day has not come yet.", returncode=BAD_INPUT)
        if since > until:
            raise CommandError("--since: that day is after the last one.", returncode=BAD_INPUT)
        count_all(batch=LARGE_BATCH)
        (self._rebuild if options["verb"] == "rebuild" else self._verify)(since, until, as_json=options["json"])

    def _rebuild(self, since: date, until: date, *, as_json: bool) -> None:
        left = []

        def told(day: date, number: int | None) -> None:
            if number is None:
                left.append(day.isoformat())
            if not as_json and number != 0:
                self.stdout.write(f"{day}: " + ("left as it is, some of its tasks were pruned" if number is None else
                                                f"{number:,} tasks"))

        number = rebuild(since, until, told)
        if as_json:
            self.stdout.write(json.dumps({"tasks": number, "left": left}))
        else:
            self.stdout.write(f"{number:,} tasks counted anew.")

    def _verify(self, since: date, until: date, *, as_json: bool) -> None:
        found = list(verify(since, until))
        if as_json:
            self.stdout.write(json.dumps({"differences": [
                {"series": one.series, "width": one.width, "start": one.start.isoformat(), "what": one.what}
                for one in found]}))
        else:
            for one in found[:MOST_NAMED]:
                self.stdout.write(str(one))
            self.stdout.write(f"{len(found) - MOST_NAMED:,} more." if len(found) > MOST_NAMED else "")
        if found:
            raise CommandError(f"{len(found):,} buckets differ. `manage.py analytics rebuild --since {since} --until "
                               f"{until}` makes them anew.", returncode=DIFFERENT)
        if not as_json:
            self.stdout.write(f"From {since} to {until} the roll-ups hold what the tasks say.")
