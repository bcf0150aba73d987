"""What was found apart and put right."""

from __future__ import annotations

from django.db import models


class Repair(models.Model):
    """How often something of a kind was put right on a day (UTC)."""

    class Kind(models.TextChoices):
        LOST = "lost", "Waiting, but in no queue"
        DEAD = "dead", "Running, but nobody works on it"
        STRAY = "stray", "In a queue, but no task waits"

    day = models.DateField()
    kind = models.CharField(max_length=8, choices=Kind.choices)
    count = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        ordering = ["-day", "kind"]
        constraints = [models.UniqueConstraint(fields=["day", "kind"], name="repairs_of_a_day")]

    def __str__(self) -> str:
        return f"{self.day}: {self.count} × {self.kind}"
