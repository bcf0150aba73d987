"""The job that makes a report as a file."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone

from analytics.builder import storing
from analytics.builder.definition import read
from analytics.builder.errors import BadReport, NotWritten
from analytics.builder.files import writer_of
from analytics.builder.models import Export
from analytics.builder.running import Part, parts, total
from events.actions import record
from events.context import acting, become, current
from events.times import iso
from tasks.errors import BadTask
from tasks.job import Job, JobFailed


def keep() -> timedelta:
    """How long an export can be read."""
    return timedelta(hours=settings.HUB_KEEP_EXPORTS_HOURS)


class MakeExport(Job):
    """`{"export": id}`: writes the file of an export, whole or not at all. Result: `{"rows", "size", "url",
    "expires_at"}`. Killed half-way it begins anew."""

    name = "analytics.export"
    lane = "reports"
    max_attempts = 3
    own_process = True

    @classmethod
    def check(cls, params: dict[str, Any]) -> None:
        if _found(params.get("export")) is None:
            raise BadTask("That export is not there any more. Have it made anew, on the page of its report.", "params")

    @classmethod
    def title(cls, params: dict[str, Any]) -> str:
        return f"Export {_found(params['export'])}"

    def run(self) -> dict[str, Any]:
        export = _found(self.params["export"])
        if export is None:
            raise JobFailed("The export was deleted before it was made.")
        self._rows = 0
        self.progress.plan([("rows", "Write rows")])
        try:
            with acting():
                # No more than who asked for it may see.
                become(current().actor, payloads=export.payloads)
                report = read(QueryDict(export.query))
                _, write = writer_of(export.format)
                self.progress.update("rows", done=0, total=total(report))
                size = storing.write(export.file_name, self.task.attempt, write(report, self._told(parts(report))))
        except BadReport as error:
            raise JobFailed(f"The report can no longer be made: {error}") from None
        except NotWritten as error:
            raise JobFailed(str(error)) from error
        self.progress.finish("rows")
        return {"rows": self._rows, "size": size, "url": export.get_absolute_url(),
                "expires_at": iso(timezone.now() + keep())}

    def on_succeeded(self, result: dict[str, Any] | None) -> None:
        rows, size, ends = result["rows"], result["size"], datetime.fromisoformat(result["expires_at"])
        self._mine().update(made_at=timezone.now(), rows=rows, size=size, expires_at=ends, wish=None)
        record("report.exported", {"export": self.params["export"], "rows": rows, "size": size},
               about=self.task.subject)

    def on_failed(self, error: str) -> None:
        self._mine().update(wish=None)

    def on_cancelled(self) -> None:
        self._mine().update(wish=None)

    def _mine(self) -> QuerySet[Export]:
        return Export.objects.filter(pk=self.params["export"])

    def _told(self, found: Iterator[Part]) -> Iterator[Part]:
        """The same parts, with progress and a look for a cancel between them."""
        for part in found:
            yield part
            self._rows += len(part[0])
            self.progress.update("rows", done=self._rows)
            self.progress.check()


def _found(key: Any) -> Export | None:
    try:
        return Export.objects.filter(pk=uuid.UUID(str(key))).first()
    except ValueError:
        return None
