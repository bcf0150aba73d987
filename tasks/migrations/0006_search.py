"""Documents for full text search, also of the tasks so far: see `tasks.search.documents`."""

from django.db import migrations

from tasks.search import filling, schema


def make(apps, schema_editor):
    schema.create(schema_editor.connection)
    filling.fill(apps.get_model("tasks", "Task"), apps.get_model("tasks", "LogLine"))


class Migration(migrations.Migration):
    dependencies = [("tasks", "0005_node")]
    operations = [migrations.RunPython(make, lambda apps, schema_editor: schema.remove(schema_editor.connection))]
