"""The place of a fact in the stream: given once, by the relay, after the fact was written. All else of it stays
unchangeable, also past the ORM."""

from django.db import migrations, models

COLUMNS = "id, subject, about, origin, actor, address, correlation_id, payload, timestamp"
SQLITE = (
    "DROP TRIGGER event_is_a_fact",
    f"""
    CREATE TRIGGER event_is_a_fact BEFORE UPDATE OF {COLUMNS} ON events_event
    BEGIN SELECT RAISE(ABORT, 'An event is a fact: it cannot be changed.'); END
    """,
    """
    CREATE TRIGGER event_has_its_position BEFORE UPDATE OF position ON events_event WHEN OLD.position IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'An event is a fact: it cannot be changed.'); END
    """,
)
POSTGRESQL = (
    "DROP TRIGGER event_is_a_fact ON events_event",
    f"""
    CREATE TRIGGER event_is_a_fact BEFORE UPDATE OF {COLUMNS} ON events_event
    FOR EACH ROW EXECUTE FUNCTION event_is_a_fact()
    """,
    """
    CREATE TRIGGER event_has_its_position BEFORE UPDATE OF position ON events_event
    FOR EACH ROW WHEN (OLD.position IS NOT NULL) EXECUTE FUNCTION event_is_a_fact()
    """,
)
BACK = {
    "sqlite": (
        "DROP TRIGGER event_has_its_position",
        "DROP TRIGGER event_is_a_fact",
        """
        CREATE TRIGGER event_is_a_fact BEFORE UPDATE ON events_event
        BEGIN SELECT RAISE(ABORT, 'An event is a fact: it cannot be changed.'); END
        """,
    ),
    "postgresql": (
        "DROP TRIGGER event_has_its_position ON events_event",
        "DROP TRIGGER event_is_a_fact ON events_event",
        """
        CREATE TRIGGER event_is_a_fact BEFORE UPDATE ON events_event FOR EACH ROW EXECUTE FUNCTION event_is_a_fact()
        """,
    ),
}


def allow_a_position(apps, schema_editor):
    for statement in {"sqlite": SQLITE, "postgresql": POSTGRESQL}.get(schema_editor.connection.vendor, ()):
        schema_editor.execute(statement)


def refuse_all(apps, schema_editor):
    for statement in BACK.get(schema_editor.connection.vendor, ()):
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("events", "0002_refuse_updates")]
    operations = [
        migrations.CreateModel(
            name="Mark",
            fields=[
                ("name", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("position", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.AddField(
            model_name="event", name="position", field=models.BigIntegerField(editable=False, null=True)
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["id"], condition=models.Q(("position", None)), name="event_waiting"),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.UniqueConstraint(
                fields=("position",), condition=models.Q(("position__isnull", False)), name="one_event_at_a_position"
            ),
        ),
        # Last, so that going back it is first: SQLite makes the table anew without the column, and forgets triggers.
        migrations.RunPython(allow_a_position, refuse_all),
    ]
