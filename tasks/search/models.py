"""Which tasks search has still to take in."""

from __future__ import annotations

from django.db import models


class Unwritten(models.Model):
    """The document of that task is to be written, or to be written anew: see `tasks.search.filling`.

    A task may stand here several times, and may be gone. Rows are only added and removed, and nothing else is looked up
    here, so that whoever writes a task pays for one more row and no index.
    """

    task = models.UUIDField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return str(self.task)
