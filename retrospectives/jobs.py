"""The jobs of retrospectives: fetch sprints, make a report, remove what is old."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from retrospectives import actions
from retrospectives.errors import RetrospectiveError
from retrospectives.files import read_rows
from retrospectives.following import followed
from retrospectives.models import Experiment, Report
from retrospectives.rewording import NotReworded, reworded
from retrospectives.source import SourceError, fetch
from tasks.errors import BadTask
from tasks.job import Job, JobFailed
from tasks.parameters import check_names

# By its name, not imported: numpy takes 30 MB, which only the process that makes a report shall carry.
COMPOSE = "retrospectives.composition.compose"
MOST_FETCHED = 20


class SyncMetrics(Job):
    """`{"sprint_count": 1-20, "team_id": text, "force_refresh": bool}`: keeps the newest sprints of the source that
    METRICS_API_URL names. Result: `created`, `updated`, `skipped`, `errors`."""

    name = "metrics.sync"
    lane = "metrics"
    startable = True
    timeout = 300
    max_attempts = 3

    @classmethod
    def check(cls, params: dict[str, Any]) -> None:
        count = params.get("sprint_count", 5)
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_FETCHED:
            raise BadTask(f"“sprint_count” must be a whole number from 1 to {MOST_FETCHED}.", "sprint_count")
        if not isinstance(params.get("team_id", ""), str) or len(params.get("team_id", "")) > 100:
            raise BadTask("“team_id” must be a text of at most 100 characters.", "team_id")
        if not isinstance(params.get("force_refresh", False), bool):
            raise BadTask("“force_refresh” must be true or false.", "force_refresh")
        check_names(params, "sprint_count", "team_id", "force_refresh")
        if not settings.HUB_METRICS_API_URL:
            raise BadTask("There is no source of sprints: set METRICS_API_URL and start Hub again, "
                          "or import a file.", "source")

    @classmethod
    def title(cls, params: dict[str, Any]) -> str:
        team = params.get("team_id")
        return f"Sync {params.get('sprint_count', 5)} sprints" + (f" of {team}" if team else "")

    def run(self) -> dict[str, Any]:
        team = self.params.get("team_id", "")
        self.progress.plan([("fetch", "Fetch sprints"), ("keep", "Keep them")])
        self.progress.update("fetch")
        try:
            given = fetch(settings.HUB_METRICS_API_URL, settings.HUB_METRICS_API_KEY,
                          self.params.get("sprint_count", 5), team, settings.HUB_METRICS_API_KIND)
        except SourceError as error:
            raise JobFailed(str(error)) from None
        self.log(f"{len(given)} sprints came.")
        self.progress.finish("fetch")
        self.progress.update("keep")
        rows, faults = read_rows(given, team)
        if team and (others := [row for row in rows if row.team != team]):
            self.log(f"{len(others)} sprints of other teams were left out.", "warning")
            rows = [row for row in rows if row.team == team]
        kept = actions.keep(rows, source="source", again=self.params.get("force_refresh", False))
        kept.errors = [*faults, *kept.errors]
        for fault in kept.errors:
            self.log(f"Row {fault.row}, {fault.field}: {fault.message}", "warning")
        for name in kept.skipped:
            self.log(f"{name} is known; force_refresh would fetch it again.")
        self.progress.finish("keep")
        return kept.as_dict()


class GenerateReport(Job):
    """`{"sprint_count"? | "sprint_ids"?, "team_id"?, "focus_metrics"?, "custom_context"?}`: makes a report. Result:
    `report_id`, `headline`, `sprints_analyzed`, `hypotheses_count`, `experiments_count`."""

    name = "reports.generate"
    lane = "reports"
    startable = True
    timeout = 120
    max_attempts = 3
    own_process = True

    @classmethod
    def check(cls, params: dict[str, Any]) -> None:
        check_names(params, "sprint_count", "sprint_ids", "team_id", "focus_metrics", "custom_context")
        wish = _Wish.of(params)
        try:
            actions.check_focus(wish.focus)
            actions.check_context(wish.context)
            actions.chosen(team=wish.team, count=wish.count, ids=wish.ids)
        except RetrospectiveError as error:
            raise BadTask(error.message, error.field) from None

    @classmethod
    def title(cls, params: dict[str, Any]) -> str:
        team = params.get("team_id")
        return "Report over " + (f"{len(params['sprint_ids'])} chosen sprints" if params.get("sprint_ids") else
                                 f"the last {params.get('sprint_count') or actions.MOST} sprints") + \
            (f" of {team}" if team else "")

    def run(self) -> dict[str, Any]:
        wish = _Wish.of(self.params)
        self.progress.plan([("read", "Read the sprints"), ("analyse", "Analyse them"), ("write", "Write the report")])
        self.progress.update("read")
        try:
            sprints = actions.chosen(team=wish.team, count=wish.count, ids=wish.ids)
        except RetrospectiveError as error:
            raise JobFailed(error.message) from None
        tried = followed(actions.running(wish.team), sprints)
        last = Report.objects.filter(team=wish.team).order_by("-pk").first()
        unbegun = [] if last is None else list(
            last.experiments.filter(state=Experiment.State.PROPOSED).values_list("title", flat=True))
        self.progress.finish("read")
        self.progress.update("analyse")
        content = import_string(COMPOSE)(sprints, focus=wish.focus, context=wish.context, tried=tried, unbegun=unbegun)
        content = self._reworded(content)
        self.progress.finish("analyse")
        self.progress.update("write")
        report = actions.keep_report(content, team=wish.team, task=self.task.pk, by=self.task.actor, tried=tried)
        self.progress.finish("write")
        return {"report_id": report.pk, "headline": content["headline"], "sprints_analyzed": len(sprints),
                "hypotheses_count": len(content["hypotheses"]), "experiments_count": len(content["experiments"])}


    def _reworded(self, content: dict[str, Any]) -> dict[str, Any]:
        """By the language model, where there is one; what it makes of it is taken only if it holds."""
        if not settings.HUB_LLM["url"]:
            return content
        try:
            told = reworded(content, **settings.HUB_LLM)
        except NotReworded as error:
            self.log(f"{error} The report keeps the words that were made by rule.", "warning")
            return content
        self.log(f"Reworded by {settings.HUB_LLM['model']}; every number is as it was.")
        return told


class CleanUpReports(Job):
    """`{"days"?: 1-36500 (90), "dry_run"?: bool}`: removes old reports with their experiments."""

    name = "reports.cleanup"
    lane = "reports"
    startable = True
    timeout = 300
    max_attempts = 3

    @classmethod
    def check(cls, params: dict[str, Any]) -> None:
        check_names(params, "days", "dry_run")
        if not isinstance(params.get("dry_run", False), bool):
            raise BadTask("“dry_run” must be true or false.", "dry_run")
        try:
            actions.old_reports(params.get("days", actions.KEEP_DAYS))
        except RetrospectiveError as error:
            raise BadTask(error.message, error.field) from None

    @classmethod
    def title(cls, params: dict[str, Any]) -> str:
        return f"Remove reports older than {params.get('days', actions.KEEP_DAYS)} days"

    def run(self) -> dict[str, Any]:
        self.progress.plan([("reports", "Remove reports")])
        self.progress.update("reports")
        found = actions.clean_up(self.params.get("days", actions.KEEP_DAYS), dry=self.params.get("dry_run", False))
        self.progress.finish("reports")
        return found


class _Wish:
    """The parameters of a report, typed."""

    def __init__(self, team: str, count: int | None, ids: list[str] | None, focus: list[str], context: str):
        self.team, self.count, self.ids, self.focus, self.context = team, count, ids, focus, context

    @classmethod
    def of(cls, params: dict[str, Any]) -> _Wish:
        team, count, context = params.get("team_id") or "", params.get("sprint_count"), params.get("custom_context")
        if not isinstance(team, str):
            raise BadTask("“team_id” must be a text.", "team_id")
        if count is not None and (isinstance(count, bool) or not isinstance(count, int)):
            raise BadTask("“sprint_count” must be a whole number.", "sprint_count")
        if context is not None and not isinstance(context, str):
            raise BadTask("“custom_context” must be a text.", "custom_context")
        return cls(team, count, _texts(params, "sprint_ids"), _texts(params, "focus_metrics") or [], context or "")


def _texts(params: dict[str, Any], name: str) -> list[str] | None:
    value = params.get(name)
    if value is not None and (not isinstance(value, list) or not all(isinstance(one, str) for one in value)):
        raise BadTask(f"“{name}” must be a list of texts.", name)
    return value
