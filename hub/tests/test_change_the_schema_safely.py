"""Migrations that came after those of the last release can be applied to a large PostgreSQL that is in use, beside
processes of the version before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from events.operations import AddIndexConcurrently

# The last migration of each app that is not judged.
RELEASED = {"accounts": 2, "alerts": 1, "analytics": 2, "builder": 2, "events": 5, "hub": 2, "projects": 6,
            "retrospectives": 2, "tasks": 18, "webhooks": 1}
# Tables that may have millions of rows.
LARGE = {("tasks", name) for name in ("task", "attempt", "logline", "dependency", "bulkitem")} | {
    ("events", "event"), ("analytics", "bucket"), ("webhooks", "delivery"), ("alerts", "notification")}
FOLLOWS = (migrations.RunPython, migrations.RunSQL)
GONE = (migrations.RemoveField, migrations.DeleteModel, migrations.RenameField, migrations.RenameModel,
        migrations.AlterModelTable, migrations.RenameIndex)


def faults(app: str, migration: migrations.Migration) -> Iterator[str]:
    """What makes a migration dangerous, in words."""
    new = {one.name.lower() for one in migration.operations if isinstance(one, migrations.CreateModel)}
    mixed = [one for one in migration.operations if not isinstance(one, FOLLOWS)]
    for one in migration.operations:
        if isinstance(one, FOLLOWS) and mixed and migration.atomic:
            yield "It changes rows in the transaction that changes a table, which is closed meanwhile: make two."
        if isinstance(one, AddIndexConcurrently) and (migration.atomic or len(migration.operations) > 1):
            yield "AddIndexConcurrently is alone in its migration, which says atomic = False."
        if _table(one) not in new:
            yield from _of_a_table_in_use(app, one)


def _of_a_table_in_use(app: str, one: Operation) -> Iterator[str]:
    if isinstance(one, GONE):
        yield f"{type(one).__name__}: processes of the version before still use the name."
    if isinstance(one, migrations.AddField) and not isinstance(one.field, models.ManyToManyField) and not (
            one.field.null or one.field.has_db_default()):
        yield f"{one.name}: the version before does not know it, so it is null, or has a db_default."
    if (app, _table(one)) not in LARGE:
        return
    if isinstance(one, migrations.AddIndex) and not isinstance(one, AddIndexConcurrently):
        yield f"{one.index.name}: nobody writes while it is made. Use events.operations.AddIndexConcurrently."
    if isinstance(one, migrations.AddConstraint):
        yield f"{one.constraint.name}: all rows are read while the table is closed."
    if isinstance(one, migrations.AlterField):
        yield f"{one.name}: the table may be written anew. Add a field beside it."
    if isinstance(one, migrations.AddField) and (one.field.db_index or one.field.unique):
        yield f"{one.name}: nobody writes while its index is made. Make that after it, concurrently."


def _table(one: Operation) -> str:
    return (getattr(one, "model_name", None) or getattr(one, "name", "") or "").lower()


def test_no_new_migration_is_dangerous():
    loader = MigrationLoader(None)
    found = [
        f"{app}.{name}: {fault}"
        for (app, name), migration in sorted(loader.disk_migrations.items())
        if app in RELEASED and int(name[:4]) > RELEASED[app]
        for fault in faults(app, migration)
    ]
    assert not found, "\n".join(found)


def test_every_app_of_ours_is_judged():
    loader = MigrationLoader(None)
    ours = {app for (app, _), migration in loader.disk_migrations.items()
            if not migration.__module__.startswith(("django.", "django_rq."))}
    assert ours == set(RELEASED)


def index() -> models.Index:
    return models.Index(fields=["title"], name="by_title")


def no_change(*_: object) -> None:
    """What a RunPython does here."""


CASES = [
    ("tasks", [migrations.AddIndex("task", index())], True, "nobody writes"),
    ("tasks", [AddIndexConcurrently("task", index())], False, ""),
    ("tasks", [AddIndexConcurrently("task", index())], True, "atomic = False"),
    ("projects", [migrations.AddIndex("project", index())], True, ""),
    ("projects", [migrations.AddField("project", "note", models.TextField(default=""))], True, "version before"),
    ("projects", [migrations.AddField("project", "note", models.TextField(db_default=""))], True, ""),
    ("tasks", [migrations.AddField("task", "note", models.TextField(null=True))], True, ""),
    ("tasks", [migrations.AddField("task", "note", models.TextField(null=True, db_index=True))], True, "its index"),
    ("tasks", [migrations.AlterField("task", "title", models.TextField())], True, "written anew"),
    ("tasks", [migrations.AddConstraint("task", models.CheckConstraint(condition=models.Q(id__gt=0), name="c"))], True,
     "all rows"),
    ("projects", [migrations.RenameField("project", "name", "label")], True, "version before"),
    ("projects", [migrations.AddField("project", "note", models.TextField(null=True)),
                  migrations.RunPython(no_change)], True, "make two"),
    ("projects", [migrations.RunPython(no_change)], True, ""),
    ("tasks", [migrations.CreateModel("Note", [("id", models.AutoField(primary_key=True))]),
               migrations.AddIndex("note", index())], True, ""),
]


@pytest.mark.parametrize(("app", "operations", "atomic", "fault"), CASES, ids=range(len(CASES)))
def test_what_is_dangerous_is_found(app, operations, atomic, fault):
    migration = migrations.Migration("9999_made_up", app)
    migration.operations, migration.atomic = operations, atomic
    found = list(faults(app, migration))
    assert [fault in one for one in found] == [True] if fault else found == []
