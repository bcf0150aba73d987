"""Schedules from the command line."""

from __future__ import annotations

import getpass
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.context import acting
from events.times import iso
from tasks.errors import TaskError
from tasks.lanes import LANES
from tasks.masking import masked
from tasks.schedules import actions
from tasks.schedules.errors import BadSchedule
from tasks.schedules.models import Overlap, Schedule

BAD_INPUT = 2


class Command(BaseCommand):
    """`manage.py schedule list|add|pause|resume|run|delete`. Exit code 0: done; 2: bad input, which is named."""

    help = "Lists, adds, pauses, resumes, runs and deletes schedules."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        listing = verbs.add_parser("list", help="All schedules by name, with their next five runs in --json.")
        add = verbs.add_parser("add", help="A new schedule, or with --at a single task.")
        add.add_argument("name", nargs="?", default="", help="what people call it; none with --at")
        add.add_argument("--job", required=True)
        add.add_argument("--params", default="{}", metavar="JSON")
        add.add_argument("--cron", default="", metavar="EXPRESSION", help="five fields, such as '30 4 * * mon-fri'")
        add.add_argument("--every", default="", metavar="INTERVAL", help="such as 90s, 15m, 2h or 1d")
        add.add_argument("--at", default="", metavar="TIME", help="once: ISO 8601, in --zone when it has no offset")
        add.add_argument("--zone", default="UTC", help="such as Europe/Zurich (default UTC)")
        add.add_argument("--overlap", default=Overlap.SKIP, help=f"{', '.join(Overlap.values)} (default skip)")
        add.add_argument("--lane", default="", help=f"{', '.join(LANES)} (default: the job's own)")
        add.add_argument("--priority", type=int, default=5, help="1 (lowest) to 10 (default 5)")
        rest = [verbs.add_parser(verb, help=text) for verb, text in (
            ("pause", "Run it no more until it is resumed."), ("resume", "Run it again from its next time on."),
            ("run", "Run it now, beside its times."), ("delete", "Delete it; its tasks stay."),
        )]  # fmt: skip
        for verb in rest:
            verb.add_argument("name", help="its name or number")
        for verb in (listing, add, *rest):
            verb.add_argument("--json", action="store_true", help="JSON on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what the verb says, as the person at this terminal."""
        with acting(actor=f"command:{getpass.getuser()}", via="command"):
            try:
                getattr(self, options["verb"])(options)
            except BadSchedule as error:
                field = {"interval": "every"}.get(error.field, error.field)
                where = f"{'' if field == 'name' else '--'}{field}: " if field else ""
                raise CommandError(f"{where}{error.message}", returncode=BAD_INPUT) from None
            except TaskError as error:
                raise CommandError(error.message, returncode=BAD_INPUT) from None

    def list(self, options: dict[str, Any]) -> None:
        """One line per schedule, or one JSON list."""
        schedules = list(Schedule.objects.order_by("name"))
        if options["json"]:
            self._json([schedule_dict(schedule) for schedule in schedules])
            return
        for schedule in schedules:
            self.stdout.write(
                f"{schedule.pk:>4}  {schedule.name}  {schedule.rhythm.words()}  {schedule.job}  next: {_next(schedule)}"
            )

    def add(self, options: dict[str, Any]) -> None:
        """Prints the schedule, or with --at the task."""
        same = {name: options[name] for name in ("job", "zone", "lane", "priority")}
        same["params"] = actions.read_params(options["params"])
        if options["at"]:
            if options["cron"] or options["every"]:
                raise BadSchedule("It is once, so it has neither --cron nor --every.", "at")
            task = actions.once(at=options["at"], **same)
            said = {"task": str(task.pk), "state": task.state, "run_at": iso(task.run_at)}
            self._say(said, f"{task.pk}  {task.title}  at {task.run_at:%Y-%m-%d %H:%M:%S} UTC", options)
            return
        schedule = actions.create(name=options["name"], cron=options["cron"], interval=options["every"],
                                  overlap=options["overlap"], **same)  # fmt: skip
        text = f"{schedule.pk}  {schedule.name}  next: {schedule.next_run_at:%Y-%m-%d %H:%M:%S} UTC"
        self._say(schedule_dict(schedule), text, options)

    def pause(self, options: dict[str, Any]) -> None:
        """Nothing happens when it is paused."""
        self._change(actions.pause, "is paused", options)

    def resume(self, options: dict[str, Any]) -> None:
        """Nothing happens when it is not paused."""
        self._change(actions.resume, "runs again at its next time", options)

    def run(self, options: dict[str, Any]) -> None:
        """Prints the task; null, or words, when it waits for the last run."""
        schedule = self._schedule(options["name"])
        task = actions.run_now(schedule)
        text = f"{task.pk}  {task.title}" if task else f"{schedule.name} runs as soon as its last run has ended."
        self._say({"task": str(task.pk) if task else None}, text, options)

    def delete(self, options: dict[str, Any]) -> None:
        """Its tasks stay."""
        schedule = self._schedule(options["name"])
        said = schedule_dict(schedule)
        actions.remove(schedule)
        self._say(said, f"{schedule.name} is deleted.", options)

    def _change(self, act: Any, what: str, options: dict[str, Any]) -> None:
        schedule = self._schedule(options["name"])
        act(schedule)
        self._say(schedule_dict(schedule), f"{schedule.name} {what}.", options)

    def _schedule(self, text: str) -> Schedule:
        found = Schedule.objects.filter(name=text).first()
        if found is None and text.isascii() and text.isdigit() and len(text) < 18:
            found = Schedule.objects.filter(pk=int(text)).first()
        if found is None:
            raise CommandError(f"There is no schedule {text!r}.", returncode=BAD_INPUT)
        return found

    def _say(self, value: Any, text: str, options: dict[str, Any]) -> None:
        if options["json"]:
            self._json(value)
        else:
            self.stdout.write(text)

    def _json(self, value: Any) -> None:
        self.stdout.write(json.dumps(value, ensure_ascii=False, indent=2))


def _next(schedule: Schedule) -> str:
    if schedule.paused:
        return "paused"
    return f"{schedule.next_run_at:%Y-%m-%d %H:%M:%S} UTC" if schedule.next_run_at else "soon"


def schedule_dict(schedule: Schedule) -> dict[str, Any]:
    """A schedule as JSON; `interval` in seconds, `next_runs` the next five."""
    return {
        "id": schedule.pk,
        "name": schedule.name,
        "job": schedule.job,
        "params": masked(schedule.params),
        "lane": schedule.lane or None,
        "priority": schedule.priority,
        "cron": schedule.cron or None,
        "interval": schedule.every,
        "zone": schedule.zone,
        "overlap": schedule.overlap,
        "paused": schedule.paused,
        "next_runs": [iso(moment) for moment in schedule.next_runs()],
        "last_run_at": iso(schedule.last_run_at),
        "last_task": str(schedule.last_task_id) if schedule.last_task_id else None,
        "problem": schedule.problem or None,
        "created_by": schedule.created_by,
        "created_at": iso(schedule.created_at),
    }
