"""Lanes and caps of subjects in the admin site: `tasks.lane_actions` checks and writes what is typed there."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.forms.models import ModelForm
from django.http import HttpRequest, HttpResponse

from tasks import lane_actions
from tasks.errors import BadLimit
from tasks.lane_actions import LaneLimits
from tasks.lanes import LANES
from tasks.models import Lane, SubjectCap


class LimitForm(ModelForm):
    """A form whose `write` is a use case. It is tried for good and undone when the form is checked: what the use case
    refuses is shown beside its field."""

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if self.errors:
            return data
        try:
            with transaction.atomic():
                self.write()
                transaction.set_rollback(True)
        except BadLimit as error:
            self.add_error(error.field if error.field in self.fields else None, error.message)
        return data

    def _post_clean(self) -> None:
        """Nothing is put into the instance here: the use case does."""

    def write(self) -> Lane | SubjectCap:
        """Set what the form says. Raises BadLimit."""
        raise NotImplementedError


class LaneForm(LimitForm):
    cap = forms.IntegerField(required=False, label="At most at a time")
    rate = forms.IntegerField(required=False, label="Starts in a period")
    period = forms.FloatField(required=False, label="Period (seconds)")

    class Meta:
        model = Lane
        fields = ("paused",)

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        for name in ("cap", "rate", "period"):
            self.initial.setdefault(name, getattr(self.instance, name))

    def write(self) -> Lane:
        data, name = self.cleaned_data, self.instance.pk
        lane_actions.limit(name, LaneLimits(data["cap"], data["rate"], data["period"]))
        if data["paused"] == Lane.objects.get(pk=name).paused:
            return Lane.objects.get(pk=name)
        return lane_actions.pause(name) if data["paused"] else lane_actions.resume(name)


class SubjectCapForm(LimitForm):
    cap = forms.IntegerField(label="At most at a time")

    class Meta:
        model = SubjectCap
        fields = ("prefix",)

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.initial.setdefault("cap", self.instance.cap)
        if self.instance.pk:
            self.fields["prefix"].disabled = True  # another prefix is another cap

    def write(self) -> SubjectCap:
        return lane_actions.cap_subject(self.cleaned_data["prefix"], self.cleaned_data["cap"])


class LimitAdmin(admin.ModelAdmin):
    """What the form wrote is not written again."""

    def save_form(self, request: HttpRequest, form: LimitForm, change: bool) -> Lane | SubjectCap:
        return form.write()

    def save_model(self, request: HttpRequest, row: Any, form: LimitForm, change: bool) -> None:
        """The use case has written it already."""

    def save_related(self, *args: Any) -> None:
        """There is nothing else."""


@admin.register(Lane)
class LaneAdmin(LimitAdmin):
    """Every lane, with its limits; none is added or removed, as the code says which there are."""

    form = LaneForm
    fields = ("paused", "cap", "rate", "period")
    list_display = ("name", "paused", "reason", "cap", "rate", "period")
    actions = ("pause", "resume")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        # A lane without limits has no row until somebody wants to set some: here it is one to click on.
        Lane.objects.bulk_create([Lane(name=name) for name in LANES], ignore_conflicts=True)
        return super().changelist_view(request, {"title": "Lanes: an empty limit is none", **(extra_context or {})})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Lane | None = None) -> bool:
        return False

    @admin.action(description="Pause the selected lanes", permissions=["change"])
    def pause(self, request: HttpRequest, lanes: QuerySet[Lane]) -> None:
        names = [lane_actions.pause(lane.name).name for lane in lanes]
        messages.success(request, f"Paused: {', '.join(names)}. What runs goes on.")

    @admin.action(description="Resume the selected lanes", permissions=["change"])
    def resume(self, request: HttpRequest, lanes: QuerySet[Lane]) -> None:
        names = [lane_actions.resume(lane.name).name for lane in lanes]
        messages.success(request, f"These start tasks again: {', '.join(names)}.")


@admin.register(SubjectCap)
class SubjectCapAdmin(LimitAdmin):
    """How many tasks may run at a time whose subject begins with a prefix."""

    form = SubjectCapForm
    fields = ("prefix", "cap")
    list_display = ("prefix", "cap")

    def delete_model(self, request: HttpRequest, row: SubjectCap) -> None:
        lane_actions.uncap_subject(row.prefix)

    def delete_queryset(self, request: HttpRequest, rows: QuerySet[SubjectCap]) -> None:
        for row in rows:
            lane_actions.uncap_subject(row.prefix)
