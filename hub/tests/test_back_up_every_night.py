"""The nightly backup is a task as any other: a real worker makes it, proves it, and removes the old ones."""

from __future__ import annotations

import tarfile
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

from hub.jobs import BackUp
from projects.models import Project
from tasks.actions import BadTask, enqueue
from tasks.models import Task
from tasks.schedules.models import Schedule


def test_a_worker_makes_it_proves_it_and_removes_the_old_ones(workers, eventually):
    folder = Path(settings.HUB_BACKUP_DIR)
    folder.mkdir(exist_ok=True)
    old = [folder / f"hub-{settings.HUB_ID}-2026010{day}T030000Z.tar" for day in (1, 2)]
    for path in old:
        path.write_bytes(b"old")
    Project.objects.create(name="Shop", slug="shop", path="/srv/shop", engine="process")
    workers(1)
    task = enqueue(BackUp, {"keep": 2})
    eventually(lambda: Task.objects.get(pk=task.pk).has_ended, 60)
    task.refresh_from_db()
    assert (task.state, task.error) == ("succeeded", "")
    assert task.result["removed"] == [old[0].name] and task.result["rows"] > 0
    with tarfile.open(task.result["file"]) as made:
        assert {"manifest.json", "database", "definitions"} == set(made.getnames())


def test_a_backup_without_room_fails_with_a_reason(workers, eventually):
    """A file stands where the folder should be."""
    folder = Path(settings.HUB_BACKUP_DIR)
    aside = folder.with_name("aside")
    if folder.exists():
        folder.rename(aside)
    folder.write_text("")
    try:
        workers(1)
        task = enqueue(BackUp, {})
        eventually(lambda: Task.objects.get(pk=task.pk).has_ended, 60)
        task.refresh_from_db()
        assert task.state == "failed" and task.error.startswith(f"{folder} cannot be written")
    finally:
        folder.unlink()
        if aside.exists():
            aside.rename(folder)


@pytest.mark.django_db
@pytest.mark.parametrize("params", [{"keep": 0}, {"keep": True}, {"keep": "7"}, {"with_data": 1}, {"else": 1}])
def test_wrong_parameters_are_refused(params):
    with pytest.raises(BadTask):
        enqueue(BackUp, params)


@pytest.mark.django_db
def test_every_hub_backs_itself_up_each_night_unless_somebody_says_otherwise():
    Schedule.objects.all().delete()  # made by the migration, unless a test before has emptied the tables
    migration = import_module("hub.migrations.0001_nightly_backup")
    migration.back_up_every_night(apps, None)
    schedule = Schedule.objects.get(job="hub.backup")
    assert not schedule.paused and schedule.rhythm.words() == "40 3 * * *"
