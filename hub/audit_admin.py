"""Facts about what is changed in the admin site: which row of what, and each of its fields before and after."""

from __future__ import annotations

import json
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.actions import delete_selected as delete_rows
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, QuerySet
from django.db.models.signals import post_save, pre_save
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from events.actions import record
from events.changes import differences
from events.context import current
from events.secrets import MASK

DONE = {ADDITION: "added", CHANGE: "changed", DELETION: "deleted"}
# Of the request at hand: each row as it was before it was first saved.
_before: ContextVar[tuple[UUID | None, dict[tuple[str, str], dict[str, Any]]]] = ContextVar("rows", default=(None, {}))


@receiver(pre_save)
def about_to_change(sender: type[Model], instance: Model, **kwargs: Any) -> None:
    if current().via != "admin" or instance._state.adding or sender not in admin.site._registry:
        return
    request, rows = _before.get()
    if request != current().correlation_id:
        rows = {}
        _before.set((current().correlation_id, rows))
    key = (sender._meta.label_lower, str(instance.pk))
    old = None if key in rows else sender._base_manager.filter(pk=instance.pk).first()
    if old is not None:
        rows[key] = facts_of(old)


@receiver(post_save, sender=LogEntry)
def changed_in_the_admin(sender: Any, instance: LogEntry, created: bool, **kwargs: Any) -> None:
    """What the admin site keeps itself. A row that is deleted is still there when it does."""
    if not created:
        return
    model = instance.content_type.model_class() if instance.content_type else None
    row = model._base_manager.filter(pk=instance.object_id).first() if model else None
    now = facts_of(row) if row else {}
    request, rows = _before.get()
    known = rows if request == current().correlation_id else {}
    old = known.get((model._meta.label_lower, str(instance.object_id))) if model else None
    told = {}
    if instance.action_flag == ADDITION:
        told = differences({}, now)
    elif instance.action_flag == DELETION:
        told = differences(now, {})
    elif old is not None:  # where a use case wrote it, its own event says what is different
        told = differences(old, now)
    _say(DONE.get(instance.action_flag, "changed"), str(instance.content_type or ""), str(instance.object_id or ""),
         instance.object_repr, instance.get_change_message(), told)


@admin.action(description="Delete selected %(verbose_name_plural)s", permissions=["delete"])
def delete_selected(modeladmin: admin.ModelAdmin, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
    """As Django's own, which of many rows at once says nothing to `changed_in_the_admin`."""
    rows = [(str(row.pk), str(row), facts_of(row)) for row in queryset] if request.POST.get("post") else []
    answer = delete_rows(modeladmin, request, queryset)
    if answer is None and len(rows) > 1:
        for key, name, facts in rows:
            _say("deleted", str(modeladmin.model._meta.verbose_name), key, name, "", differences(facts, {}))
    return answer


def facts_of(row: Model) -> dict[str, Any]:
    """Every field of a row as JSON, what it belongs to by name; bytes are never shown. A row that is `audited()` says
    itself what may be told of it."""
    if hasattr(row, "audited"):
        return row.audited()
    facts: dict[str, Any] = {field.name: field.value_from_object(row) for field in row._meta.concrete_fields}
    facts |= {field.name: sorted(map(str, getattr(row, field.name).all())) for field in row._meta.many_to_many}
    plain = {name: MASK if isinstance(value, bytes | memoryview) else value for name, value in facts.items()}
    return json.loads(json.dumps(plain, cls=DjangoJSONEncoder))


def _say(what: str, kind: str, key: str, name: str, change: str, told: dict[str, Any]) -> None:
    record("audit.admin-changed", {"what": what, "kind": kind, "id": key, "name": name, "change": change, **told})


admin.site.disable_action("delete_selected")
admin.site.add_action(delete_selected, "delete_selected")
