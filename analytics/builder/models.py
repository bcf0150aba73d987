"""Reports that somebody kept."""

from __future__ import annotations

from urllib.parse import urlencode

from django.db import models
from django.urls import reverse
from django.utils import timezone


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
