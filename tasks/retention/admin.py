"""The rules of retention in the admin site."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from tasks.retention.models import RetentionRule


@admin.register(RetentionRule)
class RetentionRuleAdmin(admin.ModelAdmin):
    """How long tasks are kept, by state and lane."""

    list_display = ("__str__", "state", "lane", "days")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        title = f"Without a rule, tasks are kept for {settings.HUB_KEEP_TASKS_DAYS} days after they ended"
        return super().changelist_view(request, {"title": title, **(extra_context or {})})
