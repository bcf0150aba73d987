"""Reports that are kept, in the admin site."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from analytics.builder import actions
from analytics.builder.models import SavedReport


@admin.register(SavedReport)
class SavedReportAdmin(admin.ModelAdmin):
    """Looked at and deleted here; made on the page of the report."""

    list_display = ("name", "query", "created_by", "created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: SavedReport | None = None) -> bool:
        return False

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[SavedReport]) -> None:
        for saved in queryset:
            actions.remove(saved)

    def delete_model(self, request: HttpRequest, obj: SavedReport) -> None:
        actions.remove(obj)
