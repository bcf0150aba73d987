"""Webhooks in the admin site, under the same rules as elsewhere."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from webhooks import actions
from webhooks.errors import BadWebhook
from webhooks.models import Delivery, Subscription

FIELDS = ("name", "subject", "url")


class SubscriptionForm(forms.ModelForm):
    """What `webhooks.actions` refuses is shown here. A new secret is said in a message, once."""

    class Meta:
        model = Subscription
        fields = FIELDS

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if not self.errors:
            try:
                actions.checked(name=data["name"], subject=data["subject"], url=data["url"],
                                but=self.initial.get("url", ""))
            except BadWebhook as error:
                raise forms.ValidationError({error.field: error.message} if error.field in data else error.message
                                            ) from None
        return data


@admin.register(Subscription)
class SubscriptionAdmin(admin.ModelAdmin):
    form = SubscriptionForm
    list_display = ("name", "subject", "shown", "state", "position", "failures")
    list_filter = ("state",)
    readonly_fields = ("state", "reason", "position", "failures", "failing_since", "created_by", "created_at")

    def save_model(self, request: HttpRequest, obj: Subscription, form: SubscriptionForm, change: bool) -> None:
        given = {name: form.cleaned_data[name] for name in FIELDS}
        if change:
            actions.change(Subscription.objects.get(pk=obj.pk), **given)
            return
        made, secret = actions.create(**given)
        obj.pk, obj._state.adding = made.pk, False
        obj.refresh_from_db()
        self.message_user(request, f"The secret is {secret}. It is not shown again.")

    def delete_model(self, request: HttpRequest, obj: Subscription) -> None:
        actions.remove(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        for row in queryset:
            actions.remove(row)


@admin.register(Delivery)
class DeliveryAdmin(admin.ModelAdmin):
    """What was sent is looked at here."""

    list_display = ("at", "subscription", "subject", "position", "status", "succeeded", "is_replay")
    list_filter = ("subscription", "succeeded")
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # With its subscription only.
        return request.resolver_match is not None and "subscription" in (request.resolver_match.url_name or "")
