"""Sprints, reports and experiments in the admin site."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from retrospectives import actions
from retrospectives.errors import BadSprint
from retrospectives.models import Experiment, Report, Sprint
from retrospectives.rows import read_row


class SprintForm(forms.ModelForm):
    """Every rule is that of `retrospectives.rows`: what it refuses is shown here."""

    class Meta:
        model = Sprint
        fields = ("team", "sprint_id", "name", "start_date", "end_date", "values")

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if self.errors:
            return data
        if not isinstance(data["values"], dict):
            raise forms.ValidationError("values: it must be an object of numbers by metric.")
        kept = self.instance if self.instance.pk else None
        data["given"] = {
            "team_id": kept.team if kept else data["team"], "sprint_id": kept.sprint_id if kept else data["sprint_id"],
            "sprint_name": data["name"], "start_date": data["start_date"], "end_date": data["end_date"],
            **data["values"],
        }  # fmt: skip
        try:
            problem = actions.overlap(read_row(data["given"]))
        except BadSprint as error:
            problem = f"{error.field}: {error.message}"
        if problem:
            raise forms.ValidationError(problem)
        return data


@admin.register(Sprint)
class SprintAdmin(admin.ModelAdmin):
    form = SprintForm
    list_display = ("name", "team", "start_date", "end_date", "source", "fetched_at")
    list_filter = ("team", "source")
    search_fields = ("name", "sprint_id")

    def get_readonly_fields(self, request: HttpRequest, obj: Sprint | None = None) -> tuple[str, ...]:
        return ("team", "sprint_id") if obj else ()

    def save_model(self, request: HttpRequest, obj: Sprint, form: SprintForm, change: bool) -> None:
        kept = actions.enter(form.cleaned_data["given"])
        obj.pk, obj.fetched_at, obj.source = kept.pk, kept.fetched_at, kept.source
        obj._state.adding = False

    def delete_model(self, request: HttpRequest, obj: Sprint) -> None:
        actions.remove_sprint(obj)


class ReadOnly(admin.ModelAdmin):
    """What came of a report is looked at here, and changed by its use cases only."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Report)
class ReportAdmin(ReadOnly):
    list_display = ("__str__", "team", "created_at", "created_by")
    list_filter = ("team",)


@admin.register(Experiment)
class ExperimentAdmin(ReadOnly):
    list_display = ("title", "state", "owner", "measure", "target", "report")
    list_filter = ("state",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
