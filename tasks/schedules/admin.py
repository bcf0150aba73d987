"""Schedules in the admin site: typed and checked as on their page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.forms.models import ModelForm
from django.http import HttpRequest

from tasks.errors import TaskError
from tasks.schedules import actions
from tasks.schedules.errors import BadSchedule
from tasks.schedules.forms import startable, typed
from tasks.schedules.models import Schedule


class ScheduleAdminForm(ModelForm):
    """An interval is typed as on the page (`15m`), and every rule is that of `tasks.schedules.actions`."""

    job = forms.ChoiceField(choices=lambda: [(name, name) for name in startable()])
    params = forms.CharField(required=False, strip=False, widget=forms.Textarea, help_text="A JSON object.")
    interval = forms.CharField(required=False, max_length=200, help_text="Such as 15m; instead of a cron expression.")

    class Meta:
        model = Schedule
        fields = ("name", "job", "params", "cron", "zone", "overlap", "lane", "priority")

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial |= typed(self.instance)

    def clean(self) -> dict[str, Any]:
        """Try it for good, and undo it: what the use case refuses is shown beside its field."""
        data = super().clean()
        if self.errors:
            return data
        try:
            data["wish"] = {**{name: data[name] for name in (*self.Meta.fields, "interval")},
                            "params": actions.read_params(data["params"])}
            with transaction.atomic():
                self.write(data["wish"])
                transaction.set_rollback(True)
        except BadSchedule as error:
            self.add_error(error.field if error.field in self.fields else None, error.message)
        return data

    def _post_clean(self) -> None:
        """Nothing is put into the instance here: the use case does."""

    def write(self, wish: dict[str, Any]) -> Schedule:
        """Make or change the schedule."""
        if self.instance.pk is None:
            return actions.create(**wish)
        return actions.change(Schedule.objects.get(pk=self.instance.pk), **wish)


@admin.register(Schedule)
class ScheduleAdmin(admin.ModelAdmin):
    """The list with its actions, and the form."""

    form = ScheduleAdminForm
    fields = ("name", "job", "params", "cron", "interval", "zone", "overlap", "lane", "priority")
    list_display = ("name", "job", "when", "zone", "paused", "next_run_at", "last_run_at", "overlap", "problem")
    list_filter = ("paused", "job")
    search_fields = ("name", "job")
    actions = ("pause", "resume", "run")

    @admin.display(description="when")
    def when(self, schedule: Schedule) -> str:
        return schedule.rhythm.words()

    @admin.action(description="Pause the selected schedules", permissions=["operate"])
    def pause(self, request: HttpRequest, schedules: QuerySet[Schedule]) -> None:
        self._each(request, schedules, actions.pause, "paused")

    @admin.action(description="Resume the selected schedules", permissions=["operate"])
    def resume(self, request: HttpRequest, schedules: QuerySet[Schedule]) -> None:
        self._each(request, schedules, actions.resume, "resumed")

    @admin.action(description="Run the selected schedules now", permissions=["operate"])
    def run(self, request: HttpRequest, schedules: QuerySet[Schedule]) -> None:
        self._each(request, schedules, actions.run_now, "run")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tasks.operate_task")

    def save_form(self, request: HttpRequest, form: ScheduleAdminForm, change: bool) -> Schedule:
        return form.write(form.cleaned_data["wish"])

    def save_model(self, request: HttpRequest, schedule: Schedule, form: ScheduleAdminForm, change: bool) -> None:
        """The use case has written it already."""

    def save_related(self, *args: Any) -> None:
        """There is nothing else."""

    def delete_model(self, request: HttpRequest, schedule: Schedule) -> None:
        actions.remove(schedule)

    def delete_queryset(self, request: HttpRequest, schedules: QuerySet[Schedule]) -> None:
        for schedule in schedules:
            actions.remove(schedule)

    def _each(self, request: HttpRequest, schedules: QuerySet[Schedule], act: Callable[[Schedule], Any], what: str
              ) -> None:  # fmt: skip
        done = 0
        for schedule in schedules:
            try:
                act(schedule)
                done += 1
            except TaskError as error:
                messages.error(request, error.message)
        if done:
            messages.success(request, f"{done} {'schedule was' if done == 1 else 'schedules were'} {what}.")
