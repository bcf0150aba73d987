"""A fact cannot be changed, not even past the ORM. Deletion is left to the application: old facts are pruned by age."""

from django.db import migrations

SQLITE = """
CREATE TRIGGER event_is_a_fact BEFORE UPDATE ON events_event
BEGIN SELECT RAISE(ABORT, 'An event is a fact: it cannot be changed.'); END
"""
POSTGRESQL = (
    """
    CREATE FUNCTION event_is_a_fact() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'An event is a fact: it cannot be changed.' USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TRIGGER event_is_a_fact BEFORE UPDATE ON events_event FOR EACH ROW EXECUTE FUNCTION event_is_a_fact()
    """,
)


def refuse(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute(SQLITE)
    elif schema_editor.connection.vendor == "postgresql":
        for statement in POSTGRESQL:
            schema_editor.execute(statement)


def allow(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER event_is_a_fact")
    elif schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TRIGGER event_is_a_fact ON events_event")
        schema_editor.execute("DROP FUNCTION event_is_a_fact")


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]
    operations = [migrations.RunPython(refuse, allow)]
