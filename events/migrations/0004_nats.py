from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0003_position")]
    operations = [
        migrations.CreateModel(
            name="NatsState",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("connected", models.BooleanField(default=False)),
                ("problem", models.CharField(blank=True, max_length=300)),
                ("seen_at", models.DateTimeField()),
            ],
        ),
    ]
