from django.db import migrations


def back_up_every_night(apps, schema_editor):
    """The schedule of every Hub: operators may change, pause or delete it."""
    apps.get_model("tasks", "Schedule").objects.get_or_create(
        name="Nightly backup", defaults={"job": "hub.backup", "cron": "40 3 * * *", "priority": 3, "created_by": "hub"}
    )


class Migration(migrations.Migration):

    dependencies = [("tasks", "0016_saved_view")]

    operations = [migrations.RunPython(back_up_every_night, migrations.RunPython.noop)]
