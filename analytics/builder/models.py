"""Reports that somebody kept, and files that tasks make of reports."""

from __future__ import annotations

from urllib.parse import urlencode

from django.db import models
from django.urls import reverse
from django.utils import timezone

from events.ids import uuid7


class SavedReport(models.Model):
    """A report under a name. `query`: its whole definition, as it stands in an address."""

    name = models.CharField(max_length=100, unique=True)
    query = models.TextField()
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"{reverse('builder:report')}?{self.query}&{urlencode({'saved': self.pk})}"


class Export(models.Model):
    """A report as a file that a task makes, in the data folder of `node`, until `expires_at`.

    - `payloads`: who asked for it may see parameters and logs, so what is in it is only for those who may.
    - `made_at`, `rows`, `size` (bytes): None until the file is there.
    - `wish`: of whom, for what; empty once its task has ended, so that asking twice is one task.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    query = models.TextField()
    format = models.CharField(max_length=16)
    title = models.CharField(max_length=300)
    payloads = models.BooleanField(default=True)
    node = models.CharField(max_length=64)
    wish = models.CharField(max_length=64, null=True, unique=True, editable=False)
    rows = models.BigIntegerField(null=True)
    size = models.BigIntegerField(null=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    made_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.title}, as {self.format.upper()}"

    def get_absolute_url(self) -> str:
        return reverse("builder:file", args=[self.pk])

    @property
    def subject(self) -> str:
        """What its tasks are about."""
        return f"{self._meta.label_lower}:{self.pk}"

    @property
    def file_name(self) -> str:
        return f"{self.pk}.{self.format}"
