"""`python -m bench.event_rounds LISTED STORM SEARCHES`: the measurements behind `bench.events`, on DATABASE_URL's
database. Prints them as one line of JSON."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from bench import apart  # first: it sets Django up
from bench.figures import p95
from events.actions import fact, record
from events.finding import Wanted, find
from events.models import Event
from events.relay.loop import Relay
from events.relay.numbering import last_position, number
from events.relay.redis_stream import RedisCarrier
from events.subjects import Pattern
from events.tail import follow
from hub.tests.nats_server import NatsServer
from hub.tests.storm.storm import Storm

BATCH = 5000
DAYS = 90
# How often of a hundred: most is said of tasks, and little by people.
SUBJECTS = {"task.created": 24, "task.started": 24, "task.succeeded": 20, "task.failed": 4, "project.starting": 6,
            "project.running": 6, "project.stopped": 5, "lane.paused": 1, "schedule.ran": 6, "audit.signed-in": 3,
            "audit.key-created": 1}  # fmt: skip
RARE = "deploy.shop.done"


def relay_rate(events: int) -> float:
    """Events a second that one relay gives positions and sends to Redis, in turns."""
    Event.objects.bulk_create([fact("task.created", {"task": "x" * 36, "job": "demo.sleep", "number": number})
                               for number in range(events)], batch_size=BATCH)
    carrier, done = RedisCarrier(), 0
    began = time.perf_counter()
    while given := number():
        done += given
        while carrier.turn():
            continue
    assert done == events
    return events / (time.perf_counter() - began)


def follow_times(events: int) -> list[float]:
    """Milliseconds from when each of so many events is committed until one who follows has it, in this process: 30 a
    second, the relay at work beside."""
    told: dict[str, float] = {}
    took: list[float] = []

    def write() -> None:
        for _ in range(events):
            key = str(record("bench.told").pk)
            told[key] = time.perf_counter()
            time.sleep(1 / 30)
        connections.close_all()

    async def hear() -> None:
        writing = threading.Thread(target=write)
        messages = follow(Pattern.read(">"), await asyncio.to_thread(_end))
        first = asyncio.ensure_future(anext(messages))
        await asyncio.sleep(0.5)  # until somebody waits at Redis
        writing.start()
        message = await first
        while True:
            at, key = time.perf_counter(), json.loads(message.data)["id"]
            # Who follows may be quicker than who wrote is to look at the clock.
            took.append(max(0.0, at - told.get(key, at)) * 1000)
            if len(took) == events:
                break
            message = await anext(messages)
        await messages.aclose()
        writing.join()

    relay = Relay([RedisCarrier()])
    relay.start()
    relay.lead(True)
    try:
        asyncio.run(hear())
    finally:
        relay.stop(10)
    return took


def _end() -> int:
    try:
        return last_position()
    finally:
        connections.close_all()


def generate(count: int) -> None:
    """So many events in the last 90 days, one in ten thousand of a rare subject; all with positions. Made by the
    database: a million of them through the ORM take longer than all that is measured."""
    step = DAYS * 86_400_000 // count
    start, bound, cases = int(time.time() * 1000) - step * count, 0, []
    for action, weight in SUBJECTS.items():
        bound += weight
        cases.append(f"WHEN place * 7919 % 100 < {bound} THEN '{action}'")
    if connection.vendor == "postgresql":
        places = f"SELECT generate_series(0, {count - 1})::bigint AS place"
        moment = "to_timestamp(ms / 1000.0)"
        key = "(lpad(to_hex(ms), 12, '0') || '70008000' || lpad(to_hex(place + {}), 12, '0'))::uuid"
        payload = "json_build_object('task', place::text, 'job', 'demo.sleep')::jsonb"
    else:
        places = (f"WITH RECURSIVE p(place) AS (SELECT 0 UNION ALL SELECT place + 1 FROM p WHERE place < {count - 1}) "
                  "SELECT place FROM p")
        moment = "strftime('%Y-%m-%d %H:%M:%f', ms / 1000.0, 'unixepoch')"
        key = "printf('%012x70008000%012x', ms, place + {})"
        payload = "json_object('task', CAST(place AS text), 'job', 'demo.sleep')"
    with connection.cursor() as cursor:
        # Without parameters: its percent signs are its own.
        cursor.execute(f"""
            INSERT INTO events_event
                (id, subject, about, origin, actor, address, correlation_id, payload, timestamp, position)
            SELECT {key.format(0)},
                'hub.{settings.HUB_ID}.' || CASE WHEN place % 10000 = 77 THEN '{RARE}' {" ".join(cases)} END,
                '', 'worker', CASE place * 31 / 4 % 4 WHEN 0 THEN 'mara' WHEN 1 THEN 'key:ci' WHEN 2 THEN 'hub'
                ELSE 'schedule:nightly' END, '', {key.format(1 << 40)}, {payload}, {moment}, place + 1
            FROM (SELECT place, {start} + place * {step} AS ms FROM ({places}) AS n) AS made
        """)


def query_times(rounds: int) -> dict[str, list[float]]:
    """Milliseconds for a page of 50, by what is asked."""
    own, now = f"hub.{settings.HUB_ID}", timezone.now()
    day, month = timedelta(days=1), timedelta(days=30)
    asked = {
        "everything": Wanted(),
        "task.>": Wanted(Pattern.read(f"{own}.task.>")),
        "task.> of a day two months ago": Wanted(Pattern.read(f"{own}.task.>"), now - 60 * day, now - 59 * day),
        "audit.> since a month": Wanted(Pattern.read(f"{own}.audit.>"), now - month),
        "deploy.>, rare": Wanted(Pattern.read(f"{own}.deploy.>")),
        "deploy.*.done until two months ago": Wanted(Pattern.read(f"{own}.deploy.*.done"), None, now - 60 * day),
        "hub.*.*.failed": Wanted(Pattern.read("hub.*.*.failed")),
        "task.failed, exactly, of a week": Wanted(Pattern.read(f"{own}.task.failed"), now - 7 * day),
        "an unknown subject": Wanted(Pattern.read(f"{own}.nothing.>")),
        "an actor": Wanted(Pattern.read(f"{own}.task.>"), actor="key:ci"),
    }
    seen = {}
    for name, wanted in asked.items():
        find(wanted)
        seen[name] = []
        for _ in range(rounds):
            began = time.perf_counter()
            find(wanted)
            seen[name].append((time.perf_counter() - began) * 1000)
    return seen


def main(listed: int, stormed: int, searches: int) -> dict[str, Any]:
    """By measurement what `bench.events` makes figures of."""
    with apart.hub() as hub, tempfile.TemporaryDirectory(prefix="hub-storm-") as folder:
        nats = NatsServer(Path(folder)) if shutil.which("nats-server") else None
        if nats is not None:
            nats.start()
        try:
            connections.close_all()
            verdict = Storm(hub.environ, hub.redis, nats).run(stormed, pause=1.0, patience=300.0)
        finally:
            if nats is not None:
                nats.stop()
        hub.empty()
        rate = relay_rate(min(listed, 20_000))
        hub.empty()
        followed = follow_times(min(listed, 300))
        hub.empty()
        generate(listed)
        if connection.vendor == "postgresql":  # as it does by itself after a while
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
        times = query_times(searches)
    slowest = max(times, key=lambda name: p95(times[name]))
    return {
        "relay": rate,
        "followed": p95(followed),
        "query": [p95([one for each in times.values() for one in each]), slowest, p95(times[slowest])],
        "storm": {"written": verdict.written, "seconds": verdict.seconds, "kills": dict(verdict.kills),
                  "cuts": verdict.cuts, "faults": verdict.faults},
    }


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:4]))))
