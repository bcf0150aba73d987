from django.db import migrations


def remove_old_reports(apps, schema_editor):
    """The schedule of every Hub: operators may change, pause or delete it."""
    apps.get_model("tasks", "Schedule").objects.get_or_create(
        name="Old reports", defaults={"job": "reports.cleanup", "cron": "50 4 * * *", "priority": 2, "created_by": "hub"}
    )


class Migration(migrations.Migration):

    dependencies = [
        ("retrospectives", "0001_initial"),
        ("tasks", "0016_saved_view"),
    ]

    operations = [migrations.RunPython(remove_old_reports, migrations.RunPython.noop)]
