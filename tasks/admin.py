"""Tasks in the admin site: to be read, cancelled and retried."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import InlineModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest

from tasks import actions
from tasks.errors import TaskError
from tasks.limit_admin import LaneAdmin, SubjectCapAdmin
from tasks.masking import masked, told
from tasks.models import Attempt, LogLine, Task
from tasks.retention.admin import RetentionRuleAdmin
from tasks.schedules.admin import ScheduleAdmin

# The admin site finds what is here.
__all__ = [
    "AttemptInline", "LaneAdmin", "LogLineInline", "RetentionRuleAdmin", "ScheduleAdmin", "SubjectCapAdmin",
    "TaskAdmin",
]  # fmt: skip

SHOWN_LINES = 200


class ReadOnly:
    """What workers write is history: nobody changes it by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class AttemptInline(ReadOnly, admin.TabularInline):
    """Each try at the task."""

    model = Attempt
    fields = ("number", "worker", "pid", "started_at", "ended_at", "outcome", "error", "exit_code", "signal")
    extra = 0


class LogLineInline(ReadOnly, admin.TabularInline):
    """The end of its log."""

    model = LogLine
    fields = ("at", "attempt", "level", "source", "text")
    extra = 0
    verbose_name_plural = f"last {SHOWN_LINES} log lines"

    def get_queryset(self, request: HttpRequest) -> QuerySet[LogLine]:
        lines = super().get_queryset(request)
        match = request.resolver_match
        if match is None or "object_id" not in match.kwargs:
            return lines.none()
        # A slice could not be filtered by the formset any more, so the newest are named by their ids.
        newest = LogLine.objects.filter(task_id=match.kwargs["object_id"]).order_by("-id").values_list("id", flat=True)
        return lines.filter(id__in=list(newest[:SHOWN_LINES]))


@admin.register(Task)
class TaskAdmin(ReadOnly, admin.ModelAdmin):
    """Read-only, but for the two things that may be done with a task."""

    list_display = ("title", "state", "lane", "priority", "subject", "actor", "created_at", "started_at", "finished_at")
    list_filter = ("state", "lane", "job")
    search_fields = ("title", "subject", "job", "error")
    list_per_page = 50
    show_full_result_count = False
    # Secrets masked, as on the pages.
    exclude = ("params", "result")
    readonly_fields = ("parameters", "outcome")
    inlines = (AttemptInline, LogLineInline)
    actions = ("cancel", "retry")

    @admin.display(description="Parameters")
    def parameters(self, task: Task) -> str:
        return json.dumps(told(task.params), indent=2, ensure_ascii=False)

    @admin.display(description="Result")
    def outcome(self, task: Task) -> str:
        return json.dumps(masked(task.result), indent=2, ensure_ascii=False)

    @admin.action(description="Cancel the selected tasks", permissions=["operate"])
    def cancel(self, request: HttpRequest, tasks: QuerySet[Task]) -> None:
        """Waiting ones end at once, running ones when they have tidied up."""
        self._each(request, tasks, actions.cancel, "cancelled or told to stop")

    @admin.action(description="Retry the selected tasks", permissions=["operate"])
    def retry(self, request: HttpRequest, tasks: QuerySet[Task]) -> None:
        """A new task for each that has ended."""
        self._each(request, tasks, actions.retry, "started again")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tasks.operate_task")

    def get_inlines(self, request: HttpRequest, obj: Task | None) -> tuple[type[InlineModelAdmin], ...]:
        return self.inlines if obj else ()

    def _each(self, request: HttpRequest, tasks: QuerySet[Task], act: Callable[[Task], Task], what: str) -> None:
        done = 0
        for task in tasks:
            try:
                act(task)
                done += 1
            except TaskError as error:
                messages.error(request, error.message)
        if done:
            messages.success(request, f"{done} {'task was' if done == 1 else 'tasks were'} {what}.")
