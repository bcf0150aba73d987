"""What PostgreSQL's planner has to know of how long tasks waited and ran."""

from django.db import migrations

# Its own statistics leave out the expressions of an index that holds a part of the rows.
LENGTHS = {
    "task_waits": "started_at - COALESCE(ready_at, GREATEST(created_at, COALESCE(run_at, created_at)))",
    "task_runs": "finished_at - started_at",
}


def measure(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    for name, length in LENGTHS.items():
        schema_editor.execute(f"CREATE STATISTICS {name} ON ((EXTRACT(EPOCH FROM ({length})) * 1000000)::bigint)"
                              " FROM tasks_task")
    # It knows nothing of new indexes and statistics before it has looked at the table again.
    schema_editor.execute("ANALYZE tasks_task")


def forget(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name in LENGTHS:
            schema_editor.execute(f"DROP STATISTICS {name}")


class Migration(migrations.Migration):

    dependencies = [
        ('tasks', '0017_facets'),
    ]

    operations = [migrations.RunPython(measure, forget)]
