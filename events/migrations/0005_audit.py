from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0004_nats")]
    operations = [
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                fields=["-id"], condition=models.Q(("origin__in", ("page", "api", "admin", "command"))),
                name="event_by_people",
            ),
        ),
    ]
