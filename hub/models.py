"""What Hub keeps that belongs to no app below it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class GivenAnswer(models.Model):
    """What somebody's request with an `Idempotency-Key` was answered, to be answered again.

    `asker`: who, such as `key:7` or `person:3`; `fingerprint`: of what was asked, so that a key which is used for
    something else is seen.
    """

    asker = models.CharField(max_length=40)
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    answer = models.JSONField(null=True)
    made_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["asker", "key"], name="one_answer_to_a_key")]

    def __str__(self) -> str:
        return f"{self.key} of {self.asker}"
