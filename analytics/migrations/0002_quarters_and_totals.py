from itertools import groupby

from django.db import migrations, models
from django.db.models import Max

from analytics.spread import Spread

MINUTE, QUARTER, HOUR, DAY, AT_ONCE = 60, 900, 3600, 86400, 200
BUCKET = (("count", "waited", "wait_sum", "ran", "run_sum", "busy"), ("wait_max", "run_max"), ("waits", "runs"))
READING = (("count", "total"), ("high",), ("spread",))


def fill(apps, schema_editor):
    """Quarters of an hour, of the minutes that are kept, and the total, of the states. A few series at a time, so that
    memory stays small."""
    Series, Bucket, Reading = (apps.get_model("analytics", name) for name in ("Series", "Bucket", "Reading"))
    known = list(Series.objects.order_by("pk").values_list("pk", flat=True))
    for first in range(0, len(known), AT_ONCE):
        minutes = Bucket.objects.filter(width=MINUTE, series__in=known[first: first + AT_ONCE])
        _add_up(Bucket, minutes.order_by("series_id", "start"), BUCKET, lambda row: {
            "series_id": row["series_id"], "width": QUARTER, "start": row["start"] // QUARTER * QUARTER})
    for name in set(Reading.objects.filter(width=MINUTE).order_by().values_list("name", flat=True)):
        minutes = Reading.objects.filter(width=MINUTE, name=name)
        _add_up(Reading, minutes.order_by("key", "start"), READING, lambda row: {
            "name": row["name"], "key": row["key"], "width": QUARTER, "start": row["start"] // QUARTER * QUARTER})
    states = list(Series.objects.filter(dimension="all").values_list("pk", flat=True))
    if states:
        newest = Series.objects.aggregate(last=Max("version"))["last"]
        total, _ = Series.objects.get_or_create(dimension="total", key="", state="", defaults={"version": newest})
        for width in (MINUTE, QUARTER, HOUR, DAY):
            parts = Bucket.objects.filter(width=width, series__in=states)
            _add_up(Bucket, parts.order_by("start"), BUCKET, lambda row: {
                "series_id": total.pk, "width": row["width"], "start": row["start"]})


def _add_up(model, rows, columns, place):
    """Store what rows of the same place come to."""
    sums, highs, spreads = columns
    made = []
    for where, group in groupby(rows.values(), place):
        parts = list(group)
        made.append(model(
            **where, **{name: sum(row[name] for row in parts) for name in sums},
            **{name: max(row[name] for row in parts) for name in highs},
            **{name: Spread(*(bytes(row[name]) for row in parts)).packed() for name in spreads}))
    model.objects.bulk_create(made, batch_size=500, ignore_conflicts=True)


def remove(apps, schema_editor):
    apps.get_model("analytics", "Series").objects.filter(dimension="total").delete()
    for name in ("Bucket", "Reading"):
        apps.get_model("analytics", name).objects.filter(width=QUARTER).delete()


class Migration(migrations.Migration):

    dependencies = [("analytics", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name='series',
            name='dimension',
            field=models.CharField(choices=[('all', 'All tasks'), ('total', 'All tasks in any state'), ('job', 'Job'), ('lane', 'Lane'), ('priority', 'Priority'), ('project', 'Project'), ('worker', 'Worker'), ('operation', 'Job on a project')], max_length=16),
        ),
        migrations.RunPython(fill, remove),
    ]
