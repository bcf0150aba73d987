"""Keys in the admin site: to be read and revoked. They are made by `manage.py apikey create`, which can show them."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.actions import revoke_key
from accounts.models import ApiKey


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    """Nothing of a key can be changed but that it ends."""

    list_display = ("name", "public_id", "role", "created_by", "created_at", "last_used_at", "revoked_at")
    list_filter = ("role",)
    search_fields = ("name", "public_id")
    exclude = ("secret_hash",)
    actions = ("revoke",)

    @admin.action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        """End them for ever."""
        ended = sum(revoke_key(key) for key in keys)
        messages.success(request, f"{ended} of {keys.count()} selected keys were in force and are revoked now.")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.delete_apikey")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
