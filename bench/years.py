"""Roll-ups as a Hub would have them after a year, without the tasks: of so many tasks, spread as real ones are.

Of a bucket with few tasks each is drawn; of one with many every bucket of its histogram gets its share. Of each number
of tasks some such sums are made, and dealt out."""

from __future__ import annotations

import math
import random
from collections import Counter
from datetime import datetime
from itertools import accumulate

from django.db import connection, transaction

from analytics.models import DAY, Series
from analytics.rollups import KEPT, WRITE, Sum, first_kept, raise_version
from analytics.spread import place_of, value_of

DAYS, PROJECTS, JOBS, WORKERS = 365, 500, 10, 8
STATES = (("succeeded", 0.94), ("failed", 0.04), ("cancelled", 0.02))
LANES = (("stacks", 0.4), ("default", 0.4), ("reports", 0.2))
DRAWN, BATCH = 60, 5000
# How many different sums there are of a number of tasks: of 100 tasks as many as of 10.
FEW, POOL, LARGE_POOL = 30, 200, 8
# Of a series with fewer tasks in a bucket, in the middle, there mostly are none.
SELDOM = 1.0
# Of how long tasks wait and run: so many parts of a second in the middle, and how far they are spread.
SHAPES = {"waits": (0.0, 1.2), "runs": (1.0, 1.5)}


def generate(tasks: int, now: datetime, seed: int = 3) -> int:
    """Write the buckets of so many tasks; how many buckets that were."""
    chance, written = random.Random(seed), 0
    shares = {kind: _shares(*shape) for kind, shape in SHAPES.items()}
    with transaction.atomic():
        version = raise_version()
        series = _series(version)
        total = Series.objects.create(dimension="total", version=version).pk
        states = set(Series.objects.filter(dimension="all").values_list("pk", flat=True))
    today = int(now.timestamp()) // DAY * DAY + DAY
    rows: list[tuple] = []
    pools: dict[int, list[tuple]] = {}
    for width, first in ((DAY, today - DAYS * DAY), *((width, first_kept(width, now)) for width in KEPT)):
        each = tasks / DAYS * width / DAY
        common = [(key, each * share) for key, share in series if each * share >= SELDOM]
        rare = [(key, each * share) for key, share in series if each * share < SELDOM]
        keys, ends = [key for key, _ in rare], list(accumulate(mean for _, mean in rare))
        for start in range(first, int(now.timestamp()), width):
            numbers = Counter({key: _poisson(chance, mean) for key, mean in common})
            if keys:  # not each is asked whether it has any: it is drawn whose they are
                numbers.update(chance.choices(keys, cum_weights=ends, k=_poisson(chance, ends[-1])))
            dealt = {key: _dealt(chance, number, shares, pools) for key, number in numbers.items() if number}
            whole = Sum()
            for key in states & dealt.keys():
                whole.add(Sum.of(dealt[key]))
            rows += [(key, width, start, *values) for key, values in dealt.items()]
            if whole.count:
                rows.append((total, width, start, *whole.values()))
            if len(rows) >= BATCH:
                written += _write(rows)
    return written + _write(rows)


def _series(version: int) -> list[tuple[int, float]]:
    """The primary key of each series, and which share of all tasks is its."""
    kinds = [("all", "", 1.0)]
    kinds += [("job", f"job.{number}", 1 / JOBS) for number in range(JOBS)]
    kinds += [("lane", name, share) for name, share in LANES]
    kinds += [("priority", str(number), 0.1) for number in range(1, 11)]
    kinds += [("worker", f"studio.{number}", 1 / WORKERS) for number in range(WORKERS)]
    kinds += [("project", "", 0.6), *(("project", str(number), 0.4 / PROJECTS) for number in range(1, PROJECTS + 1))]
    kinds += [("operation", f"{number}/job.{job}", 0.4 / PROJECTS / 4) for number in range(1, PROJECTS + 1)
              for job in range(4)]
    rows = [(Series(dimension=dimension, key=key, state=state, version=version), share * part)
            for dimension, key, share in kinds for state, part in STATES]
    Series.objects.bulk_create([row for row, _ in rows], batch_size=500)
    return [(row.pk, share) for row, share in rows]


def _shares(middle: float, spread: float) -> list[tuple[int, float]]:
    """Which share of values of a log-normal distribution falls into which bucket."""
    def below(seconds: float) -> float:
        return 0.5 * (1 + math.erf((math.log(seconds) - middle) / spread / math.sqrt(2)))

    places = range(place_of(1000), place_of(10_000_000_000))
    return [(place, share) for place in places
            if (share := below(value_of(place) * 1.009e-6) - below(value_of(place) * 0.991e-6)) > 1e-7]


def _dealt(chance: random.Random, number: int, shares: dict[str, list[tuple[int, float]]],
           pools: dict[int, list[tuple]]) -> tuple:
    """The columns of a bucket of about so many tasks: exactly of few, to two digits of many."""
    if number > FEW:
        number = int(float(f"{number:.1e}"))
    pool = pools.setdefault(number, [])
    if len(pool) < (POOL if number <= FEW else LARGE_POOL):
        pool.append(_sum(chance, number, shares).values())
        return pool[-1]
    return chance.choice(pool)


def _sum(chance: random.Random, number: int, shares: dict[str, list[tuple[int, float]]]) -> Sum:
    one = Sum(count=number, waited=number, ran=number)
    for kind, spread in (("waits", one.waits), ("runs", one.runs)):
        if number <= DRAWN:
            for _ in range(number):
                spread.add(round(chance.lognormvariate(*SHAPES[kind]) * 1e6))
        else:
            spread.counts.update((place, many) for place, share in shares[kind]
                                 if (many := int(number * share + chance.random())))
    one.wait_max, one.run_max = (round(value_of(max(spread.counts, default=0))) for spread in (one.waits, one.runs))
    one.wait_sum, one.run_sum, one.busy = number * 2_000_000, number * 8_000_000, number * 8_000_000
    return one


def _poisson(chance: random.Random, mean: float) -> int:
    if mean > 50:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    limit, number, product = math.exp(-mean), 0, chance.random()
    while product > limit:
        number, product = number + 1, product * chance.random()
    return number


def _write(rows: list[tuple]) -> int:
    number = len(rows)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(WRITE, rows)
    rows.clear()
    return number
