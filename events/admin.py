"""Events in the admin site: to be read."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from events.models import Event


@admin.register(Event)
class EventAdmin(admin.ModelAdmin):
    """Facts can be neither added, nor changed, nor removed."""

    list_display = ("timestamp", "subject", "actor", "origin", "correlation_id")
    search_fields = ("subject", "actor")
    list_per_page = 50
    # Counting all events for "1 to 50 of 4,118,204" would read them all.
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
