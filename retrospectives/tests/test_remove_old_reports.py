"""Every Hub removes old reports each night, unless somebody says otherwise."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps

from tasks.schedules.models import Schedule


@pytest.mark.django_db
def test_every_hub_removes_old_reports_each_night_unless_somebody_says_otherwise():
    Schedule.objects.all().delete()  # made by the migration, unless a test before has emptied the tables
    migration = import_module("retrospectives.migrations.0002_old_reports")
    migration.remove_old_reports(apps, None)
    schedule = Schedule.objects.get(job="reports.cleanup")
    assert not schedule.paused and schedule.rhythm.words() == "50 4 * * *"
    schedule.delete()
    Schedule.objects.create(name="Old reports", job="demo.sleep", cron="0 0 * * *", created_by="mara")
    migration.remove_old_reports(apps, None)  # a schedule that has this name already is somebody's own
    assert Schedule.objects.get().job == "demo.sleep"
