"""The jobs of reports: one that sends them, and one that makes files of them."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict

from alerts.errors import Undelivered
from alerts.models import Channel
from analytics.builder import delivery
from analytics.builder.definition import read
from analytics.builder.errors import BadReport
from analytics.builder.making import MakeExport
from analytics.builder.models import SavedReport
from tasks.errors import BadTask
from tasks.job import Job, JobFailed
from tasks.parameters import check_names

# What is here is registered.
__all__ = ["MakeExport", "SendReport"]


class SendReport(Job):
    """`{"report": number, "channel": number}`: makes a report that is kept, and sends it by mail or webhook."""

    name = "analytics.report"
    lane = "reports"
    startable = True
    retries = 3
    backoff = 10.0
    no_retry_on = (BadReport,)

    @classmethod
    def check(cls, params: dict[str, Any]) -> None:
        for name in ("report", "channel"):
            value = params.get(name)
            if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**63:
                raise BadTask(f"“{name}” must be the number of a {name}.", "params")
        check_names(params, "report", "channel")
        if not SavedReport.objects.filter(pk=params["report"]).exists():
            raise BadTask(f"There is no report {params['report']}.", "params")
        channel = Channel.objects.filter(pk=params["channel"]).first()
        if channel is None or channel.kind not in delivery.KINDS:
            raise BadTask(f"Channel {params['channel']} takes no reports: use one for {' or '.join(delivery.KINDS)}.",
                          "params")

    @classmethod
    def title(cls, params: dict[str, Any]) -> str:
        return f"Send report {params['report']}"

    def run(self) -> dict[str, Any]:
        saved = SavedReport.objects.filter(pk=self.params["report"]).first()
        channel = Channel.objects.filter(pk=self.params["channel"]).first()
        if saved is None or channel is None:
            raise JobFailed("The report or its channel was deleted.")
        try:
            report = read(QueryDict(saved.query))
            number = delivery.send(channel, saved, report, str(self.task.pk))
        except BadReport as error:
            raise JobFailed(f"The report can no longer be made: {error}") from None
        except Undelivered as error:
            raise JobFailed(error.message) from None
        return {"rows": number, "channel": channel.name}
