"""`manage.py retrospective`: sprints and reports from the command line."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.context import acting
from retrospectives import actions
from retrospectives.errors import RetrospectiveError
from retrospectives.jobs import GenerateReport, SyncMetrics
from retrospectives.models import Report
from retrospectives.shapes import markdown, report_dict
from tasks.actions import enqueue
from tasks.errors import TaskError

BAD_INPUT = 2


class Command(BaseCommand):
    """`manage.py retrospective import|sync|generate|list|show|cleanup`. Exit code 0: done; 1: some sprints of a file
    were left out; 2: bad input."""

    help = "Imports and syncs sprints, and makes, shows and removes retrospective reports."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        importing = verbs.add_parser("import", help="Keep the sprints of a CSV or JSON file.")
        importing.add_argument("file", type=Path)
        sync = verbs.add_parser("sync", help="Fetch the newest sprints from METRICS_API_URL, as a task.")
        sync.add_argument("--force", action="store_true", help="also those that are known")
        generate = verbs.add_parser("generate", help="Make a report, as a task.")
        generate.add_argument("--focus", action="append", metavar="METRIC", help="look only at this; may be repeated")
        generate.add_argument("--context", default="", help="what the numbers cannot know")
        for verb in (sync, generate):
            verb.add_argument("--count", type=int, help="how many of the newest sprints")
        for verb in (importing, sync, generate):
            verb.add_argument("--team", default="")
        verbs.add_parser("list", help="The newest reports.")
        show = verbs.add_parser("show", help="A report as Markdown.")
        show.add_argument("id", type=int)
        show.add_argument("--json", action="store_true")
        cleanup = verbs.add_parser("cleanup", help="Remove old reports with their experiments.")
        cleanup.add_argument("--days", type=int, default=actions.KEEP_DAYS)
        cleanup.add_argument("--dry-run", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        with acting(actor=f"command:{getpass.getuser()}", via="command"):
            try:
                getattr(self, f"_{options['verb']}")(options)
            except (RetrospectiveError, TaskError) as error:
                raise CommandError(error.message, returncode=BAD_INPUT) from None

    def _import(self, options: dict[str, Any]) -> None:
        try:
            content = options["file"].read_bytes()
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.", returncode=BAD_INPUT) from None
        kept = actions.import_file(content, options["team"])
        self.stdout.write(f"{len(kept.created)} new, {len(kept.updated)} replaced, {len(kept.errors)} left out.")
        for fault in kept.errors:
            self.stderr.write(f"Row {fault.row}, {fault.field}: {fault.message}")
        if kept.errors:
            raise SystemExit(1)

    def _sync(self, options: dict[str, Any]) -> None:
        self._begin(SyncMetrics, sprint_count=options["count"] or None, team_id=options["team"] or None,
                    force_refresh=options["force"] or None)

    def _generate(self, options: dict[str, Any]) -> None:
        self._begin(GenerateReport, sprint_count=options["count"], team_id=options["team"] or None,
                    focus_metrics=options["focus"], custom_context=options["context"] or None)

    def _begin(self, job: type, **params: Any) -> None:
        task = enqueue(job, {name: value for name, value in params.items() if value is not None})
        self.stdout.write(f"Task {task.pk}: {task.title}. Follow it with manage.py task show {task.pk}.")

    def _list(self, options: dict[str, Any]) -> None:
        for report in Report.objects.all()[:50]:
            self.stdout.write(f"{report.pk}\t{report.created_at:%Y-%m-%d %H:%M}\t{report.team or '-'}\t{report}")

    def _show(self, options: dict[str, Any]) -> None:
        report = Report.objects.prefetch_related("experiments").filter(pk=options["id"]).first()
        if report is None:
            raise RetrospectiveError(f"There is no report {options['id']}.", "id")
        if options["json"]:
            self.stdout.write(json.dumps(report_dict(report), indent=2, default=str))
        else:
            self.stdout.write(markdown(report))

    def _cleanup(self, options: dict[str, Any]) -> None:
        found = actions.clean_up(options["days"], dry=options["dry_run"])
        verb = "would go" if options["dry_run"] else "are gone"
        self.stdout.write(f"{found['reports']} reports and {found['experiments']} experiments {verb}; "
                          f"{found['kept_for_experiments']} stay because an experiment of theirs still runs.")
