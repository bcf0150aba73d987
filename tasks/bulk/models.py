"""What became of each task that a change of many has come to."""

from __future__ import annotations

from django.db import models


class BulkItem(models.Model):
    """`bulk` is the task that made the change, `item` the id of the one that was changed: which may be deleted. It is
    `done`, or was left as it was for the reason in `message`. A retry names the new task there."""

    bulk = models.ForeignKey("tasks.Task", models.CASCADE, related_name="bulk_items")
    item = models.UUIDField()
    done = models.BooleanField()
    message = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["bulk", "item"], name="bulk_item_once")]

    def __str__(self) -> str:
        return f"{self.item}: {'done' if self.done else self.message}"
