"""Background tasks from the command line."""

from __future__ import annotations

import getpass
import json
import re
import time
import uuid
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q
from django.utils import timezone

from events.context import acting
from tasks import actions
from tasks.drift import comparison
from tasks.drift.counts import counts
from tasks.errors import TaskError
from tasks.lanes import LANES
from tasks.models import LogLine, Task
from tasks.progress import shown
from tasks.retention.pruning import by_rules, counted, older_than, prune
from tasks.search.errors import BadQuery, SearchStopped
from tasks.search.filling import fill
from tasks.search.finding import EXACT, take
from tasks.search.query import read
from tasks.shapes import task_detail, task_dict, with_relatives
from tasks.states import ENDED, TaskState

FAILED, BAD_INPUT = 1, 2
AGES = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
POLL = 0.2


class Command(BaseCommand):
    """`manage.py task list|show|cancel|retry|priority|prune|index|drift`.

    Exit code 0: done (with --wait: and the task ended as was wanted); 1: with --wait, it did not; for drift, there is
    some left; 2: bad input.
    """

    help = "Lists, shows, cancels, retries and removes background tasks, and compares them with the queue."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        listing = verbs.add_parser("list", help="The newest tasks, newest first.")
        listing.add_argument("--state", choices=TaskState.values)
        listing.add_argument("--lane", choices=LANES)
        listing.add_argument("--job")
        listing.add_argument("--subject", help="such as projects.project:1")
        listing.add_argument("--search", default="", metavar="QUERY", help="as in the search box of the tasks page")
        listing.add_argument("--limit", type=int, default=50, help="how many (1-10000, default 50)")
        show = verbs.add_parser("show", help="One task with its attempts and the end of its log.")
        cancel = verbs.add_parser("cancel", help="End a waiting task, or stop a running one.")
        retry = verbs.add_parser("retry", help="Do again what a task did that has ended, after what it needs.")
        priority = verbs.add_parser("priority", help="Give a waiting task another priority.")
        for verb in (show, cancel, retry, priority):
            verb.add_argument("id")
        priority.add_argument("priority", type=int, help="1 (lowest) to 10")
        for verb in (show, cancel, retry):
            verb.add_argument("--wait", action="store_true", help="until the task has ended")
        prune = verbs.add_parser("prune", help="Remove tasks that ended long ago, with their logs.")
        prune.add_argument("--older-than", metavar="AGE", help="such as 12h, 30d or 8w; without: by the rules")
        prune.add_argument("--state", default="", choices=sorted(ENDED), help="with --older-than: only these")
        prune.add_argument("--lane", default="", choices=LANES, help="with --older-than: only these")
        prune.add_argument("--dry-run", action="store_true", help="only say how many there are")
        index = verbs.add_parser("index", help="Write anew what search looks in, for every task.")
        drift = verbs.add_parser("drift", help="Where database and queue disagree; what lasts is put right by watch.")
        drift.add_argument("--repair", action="store_true", help="put it right here and now")
        for verb in (listing, show, cancel, retry, priority, prune, index, drift):
            verb.add_argument("--json", action="store_true", help="JSON on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what the verb says, as the person at this terminal."""
        with acting(actor=f"command:{getpass.getuser()}", via="command"):
            try:
                getattr(self, options["verb"])(options)
            except TaskError as error:
                raise CommandError(error.message, returncode=BAD_INPUT) from None

    def list(self, options: dict[str, Any]) -> None:
        """One line per task, or one JSON list."""
        if not 1 <= options["limit"] <= 10_000:
            raise CommandError("--limit must be from 1 to 10000.", returncode=BAD_INPUT)
        wanted = {name: options[name] for name in ("state", "lane", "job", "subject") if options[name]}
        try:
            tasks = take(with_relatives(Task.objects.all()), read(options["search"]).exactly(**wanted),
                         limit=options["limit"], seconds=EXACT).items
        except BadQuery as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from None
        except SearchStopped as error:
            raise CommandError(str(error), returncode=FAILED) from None
        if options["json"]:
            self._json([task_dict(task) for task in tasks])
            return
        for task in tasks:
            self.stdout.write(f"{task.pk}  {task.state:<9}  {task.created_at:%Y-%m-%d %H:%M:%S}  {task.title}")

    def show(self, options: dict[str, Any]) -> None:
        """With --wait: when it has ended; exit code 1 unless it succeeded."""
        task = self._task(options["id"])
        if options["wait"]:
            task = _ended(task)
        self._show(task, options["json"])
        if options["wait"]:
            _demand(task, TaskState.SUCCEEDED)

    def cancel(self, options: dict[str, Any]) -> None:
        """With --wait: until it has ended; exit code 1 unless it is cancelled then."""
        task = actions.cancel(self._task(options["id"]))
        if options["wait"]:
            task = _ended(task)
        if options["json"] or options["wait"]:
            self._show(task, options["json"])
        else:
            self.stdout.write(f"{task.pk}  {'was told to stop' if task.is_active else 'is cancelled'}")
        if options["wait"]:
            _demand(task, TaskState.CANCELLED)

    def retry(self, options: dict[str, Any]) -> None:
        """Prints the new task. With --wait: when that has ended; exit code 1 unless it succeeded."""
        task = actions.retry(self._task(options["id"]))
        if options["wait"]:
            task = _ended(task)
        if options["json"] or options["wait"]:
            self._show(task, options["json"])
        else:
            self.stdout.write(f"{task.pk}  is {task.state}. {task.reason}".rstrip())
        if options["wait"]:
            _demand(task, TaskState.SUCCEEDED)

    def priority(self, options: dict[str, Any]) -> None:
        """What it has gained by waiting stays."""
        task = actions.change_priority(self._task(options["id"]), options["priority"])
        if options["json"]:
            self._json(task_detail(task))
        else:
            self.stdout.write(f"{task.pk}  waits with priority {task.priority}")

    def prune(self, options: dict[str, Any]) -> None:
        """Events about the tasks stay: they have ages of their own."""
        chosen = _chosen(options)
        if options["dry_run"]:
            rows = counted(chosen)
            total = sum(row["count"] for row in rows)
            if options["json"]:
                self._json({"would_remove": total, "by": rows})
                return
            for row in rows:
                self.stdout.write(f"{row['count']:>8}  {row['state']:<9}  {row['lane']}")
            self.stdout.write(f"{total} tasks would be removed.")
            return
        removed = prune(chosen)
        if options["json"]:
            self._json({"removed": removed})
        else:
            self.stdout.write(f"{removed} tasks removed.")

    def index(self, options: dict[str, Any]) -> None:
        """Needed only for rows that were not written by Hub; everybody may go on working."""
        done = fill(Task, LogLine)
        if options["json"]:
            self._json({"indexed": done})
        else:
            self.stdout.write(f"{done} tasks can be found.")

    def drift(self, options: dict[str, Any]) -> None:
        """What is seen once may be a moment between steps; --repair waits until it lasts. Exit code 1: some is left."""
        done = comparison.repair() if options["repair"] else []
        found = comparison.compare()
        if options["json"]:
            self._json({"done": done, **comparison.as_dict(found, counts())})
        else:
            for sentence in done:
                self.stdout.write(sentence)
            for finding in found.findings:
                self.stdout.write(f"{finding.label}: {finding.id}  {finding.title}  ({finding.detail})")
            if found.number > len(found.findings):
                self.stdout.write(f"... and {found.number - len(found.findings)} more")
            if not found.findings:
                self.stdout.write("Database and queue agree.")
            self.stdout.write("Put right in 30 days: " + ", ".join(f"{row['count']} {row['kind']}" for row in counts()))
        if found.queue_away:
            raise CommandError("Redis does not answer: only the processes were looked at.", returncode=FAILED)
        if found.findings:
            raise CommandError(f"{found.number} do not fit.", returncode=FAILED)

    def _task(self, text: str) -> Task:
        try:
            return Task.objects.get(pk=uuid.UUID(text))
        except (ValueError, Task.DoesNotExist):
            raise CommandError(f"There is no task {text!r}.", returncode=BAD_INPUT) from None

    def _json(self, value: Any) -> None:
        self.stdout.write(json.dumps(value, ensure_ascii=False, indent=2))

    def _show(self, task: Task, as_json: bool) -> None:
        if as_json:
            self._json(task_detail(task))
            return
        percent, left = shown(task)
        self.stdout.write(f"{task.title}\nid        {task.pk}\nstate     {task.state}")
        if task.reason:
            self.stdout.write(f"reason    {task.reason}")
        if task.run_at and task.is_active:
            self.stdout.write(f"runs at   {task.run_at:%Y-%m-%d %H:%M:%S} UTC")
        for dependency in task.dependencies.select_related("needs"):
            self.stdout.write(f"needs     {dependency.needs_id} {dependency.needs.state}: {dependency.needs.title}")
        if task.steps_total:
            far = "" if percent is None else f", {percent:.0f} %"
            left = "" if left is None else f", {left:.0f} s left"
            self.stdout.write(f"steps     {task.steps_done} of {task.steps_total} done{far}{left}")
        for attempt in task.attempts.all():
            self.stdout.write(f"attempt   {attempt.number} on {attempt.worker}: {attempt.outcome or 'runs'}")
        if task.error:
            self.stdout.write(f"error     {task.error}")
        for line in reversed(task.log_lines.order_by("-id")[:20]):
            self.stdout.write(f"{line.at:%H:%M:%S}  {line.text}")


def _chosen(options: dict[str, Any]) -> Q:
    age = options["older_than"]
    if age is None:
        if options["state"] or options["lane"]:
            raise CommandError("--state and --lane go with --older-than: the rules know states and lanes themselves.",
                               returncode=BAD_INPUT)
        return by_rules(timezone.now())
    match = re.fullmatch(r"([1-9][0-9]{0,4})([hdw])", age)
    if not match:
        raise CommandError(f"{age!r} is no age: write such as 12h, 30d or 8w.", returncode=BAD_INPUT)
    return older_than(timezone.now() - int(match[1]) * AGES[match[2]], options["state"], options["lane"])


def _ended(task: Task) -> Task:
    while not task.has_ended:
        time.sleep(POLL)
        task = Task.objects.get(pk=task.pk)
    return task


def _demand(task: Task, state: TaskState) -> None:
    if task.state != state:
        raise CommandError(task.error.split("\n")[0] or f"The task {task.state}.", returncode=FAILED)
