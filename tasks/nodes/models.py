"""The hosts that work for this Hub."""

from django.db import models


class Node(models.Model):
    """A host with a data folder of its own, from the first time that its `watch` or one of its workers ran.

    `home` names that folder, so that a second host of the same name is noticed; `host` is where its processes run, as
    in `Attempt.host`. `seen_at`: when its `watch` last said that it lives, by the clock of the database.
    """

    name = models.CharField(primary_key=True, max_length=64)
    home = models.CharField(max_length=36, blank=True, editable=False)
    host = models.CharField(max_length=255, blank=True, editable=False)
    seen_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
