"""The job that changes many tasks, one after the other."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Count, Q

from events.actions import record
from tasks import actions
from tasks.bulk.models import BulkItem
from tasks.bulk.selection import DOES, Selection, each_of, titles
from tasks.cancellation import TaskCancelled
from tasks.errors import BadTask, TaskError
from tasks.job import Job
from tasks.models import LogLine, Task
from tasks.retention.pruning import prunable
from tasks.search.errors import BadQuery

# Tasks in one transaction: on SQLite, where one may write at a time, others wait for its end.
BATCH = 20


class Bulk(Job):
    """`{"do": cancel|retry|delete|priority, "q"? | "ids"?, "priority"?, "at"}`: does it to each of the tasks that were
    there at the time `at`, oldest first. Result: `{"total", "done", "left"}`; what became of each is a `BulkItem`,
    written in one transaction with the change: who begins again goes on where it was.
    """

    name = "tasks.bulk"
    timeout = 24 * 3600
    max_attempts = 5
    own_process = True

    @classmethod
    def check(cls, params: dict[str, Any]) -> None:
        if params.get("do") not in DOES:
            raise BadTask(f"Say what to do: {', '.join(DOES)}.", "do")
        if params["do"] == "priority":
            actions.check_priority(params.get("priority"))
        elif params.get("priority") is not None:
            raise BadTask("A priority goes with “do”: “priority” only.", "priority")
        try:
            Selection.of(params)
        except BadQuery as error:
            raise BadTask(str(error), "q") from None

    @classmethod
    def title(cls, params: dict[str, Any]) -> str:
        return titles(params["do"], params.get("priority"))

    def run(self) -> dict[str, Any]:
        self.progress.plan([("tasks", self.title(self.params))])
        chosen = Selection.of(self.params)
        before = summary(self.task)
        last = self.task.bulk_items.order_by("-item").values_list("item", flat=True).first()
        left = chosen.tasks().filter(pk__gt=last) if last else chosen.tasks()
        number, total = before["total"], before["total"] + left.count()
        self.progress.update("tasks", done=number, total=max(total, 1))
        try:
            for rows in each_of(chosen, last, BATCH):
                with transaction.atomic():
                    BulkItem.objects.bulk_create([self._item(task) for task in rows if task.pk != self.task.pk])
                number += len(rows)
                self.progress.update("tasks", done=number, total=max(total, number))
                self.progress.check()
        except TaskCancelled:
            seen = summary(self.task)
            self.log(f"Stopped: {seen['done']} done, {seen['left']} left as they were, of {total}.", "warning")
            raise
        self.progress.finish("tasks")
        seen = summary(self.task)
        self.log(f"{seen['done']} done, {seen['left']} left as they were.")
        return seen

    def on_succeeded(self, result: dict[str, Any] | None) -> None:
        self._tell()

    def on_failed(self, error: str) -> None:
        self._tell()

    def on_cancelled(self) -> None:
        self._tell()

    def _tell(self) -> None:
        record("audit.tasks-changed", {"task": str(self.task.pk), "do": self.params["do"], **summary(self.task)})

    def _item(self, task: Task) -> BulkItem:
        try:
            with transaction.atomic():
                done, message = True, self._do(task)
        except TaskError as error:
            done, message = False, error.message[:500]
        return BulkItem(bulk=self.task, item=task.pk, done=done, message=message)

    def _do(self, task: Task) -> str:
        do = self.params["do"]
        if do == "cancel":
            return "" if actions.cancel(task).has_ended else "It was asked to stop."
        if do == "retry":
            return str(actions.retry(task).pk)
        if do == "priority":
            actions.change_priority(task, self.params["priority"])
            return ""
        if not prunable(Q(pk=task.pk)).exists():
            raise TaskError(f"“{task.title}” has not ended, or is needed by a task that has not.")
        LogLine.everything.filter(task=task.pk).delete()
        Task.objects.filter(pk=task.pk).delete()
        record("task.deleted", {"task": str(task.pk), "job": task.job, "subject": task.subject}, about=task.subject)
        return ""


def summary(task: Task) -> dict[str, int]:
    """What a change of many has come to so far: `{"total", "done", "left"}`, `left` as they were."""
    seen = task.bulk_items.aggregate(total=Count("pk"), done=Count("pk", filter=Q(done=True)))
    return {**seen, "left": seen["total"] - seen["done"]}
