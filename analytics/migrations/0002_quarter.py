from itertools import groupby

from django.db import migrations

from analytics.spread import Spread

MINUTE, QUARTER, AT_ONCE = 60, 900, 200
SUMS = ("count", "waited", "wait_sum", "ran", "run_sum", "busy")
HIGHS, SPREADS = ("wait_max", "run_max"), ("waits", "runs")


def fill(apps, schema_editor):
    """Quarters of an hour, of the minutes that are kept. A few series at a time, so that memory stays small."""
    Series, Bucket, Reading = (apps.get_model("analytics", name) for name in ("Series", "Bucket", "Reading"))
    known = list(Series.objects.order_by("pk").values_list("pk", flat=True))
    for first in range(0, len(known), AT_ONCE):
        _add_up(Bucket, ("series_id",), {"series__in": known[first: first + AT_ONCE]}, SUMS, HIGHS, SPREADS)
    for name in set(Reading.objects.filter(width=MINUTE).order_by().values_list("name", flat=True)):
        _add_up(Reading, ("name", "key"), {"name": name}, ("count", "total"), ("high",), ("spread",))


def _add_up(model, place, which, sums, highs, spreads):
    rows = model.objects.filter(width=MINUTE, **which).order_by(*place, "start").values()
    quarters = []
    for where, group in groupby(rows, lambda row: (*(row[name] for name in place), row["start"] // QUARTER * QUARTER)):
        minutes = list(group)
        quarters.append(model(
            **dict(zip((*place, "start"), where, strict=True)), width=QUARTER,
            **{name: sum(row[name] for row in minutes) for name in sums},
            **{name: max(row[name] for row in minutes) for name in highs},
            **{name: Spread(*(bytes(row[name]) for row in minutes)).packed() for name in spreads}))
    model.objects.bulk_create(quarters, batch_size=500, ignore_conflicts=True)


def remove(apps, schema_editor):
    for name in ("Bucket", "Reading"):
        apps.get_model("analytics", name).objects.filter(width=QUARTER).delete()


class Migration(migrations.Migration):

    dependencies = [("analytics", "0001_initial")]

    operations = [migrations.RunPython(fill, remove)]
