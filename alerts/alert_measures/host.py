"""Measures of what Hub stands on: Redis, the disk, the stream of events."""

from __future__ import annotations

import shutil

from django.conf import settings

from alerts.registry import YES_OR_NO, Measure, Reading, Readings, Scope, register
from events.charts.units import BYTES, SECONDS, count
from events.relay.lag import lag
from tasks import queue

# Seconds for each of two tries: a pass must not hang with Redis.
REDIS_TIMEOUT = 0.4


def _redis_away(scope: Scope) -> Readings:
    try:
        with queue.answering(), queue.connect(socket_timeout=REDIS_TIMEOUT) as client:
            client.ping()
    except queue.QueueAway:
        return {"": Reading(1, "Tasks wait until it is back.")}
    return {"": Reading(0)}


def _workers_alive(scope: Scope) -> Readings | None:
    try:
        return {"": Reading(len(queue.workers_alive()))}
    except queue.QueueAway:
        return None  # there is a rule of its own about Redis


def _disk_free(scope: Scope) -> Readings:
    usage = shutil.disk_usage(settings.HUB_DATA)
    return {"": Reading(usage.free, f"of {BYTES.show(usage.total)} on {settings.HUB_NODE}")}


def _relay_lag(scope: Scope) -> Readings:
    now = lag()
    return {"": Reading(now.seconds, f"{now.count} wait" if now.waiting else "")}


register(
    Measure("redis.away", "Redis does not answer", YES_OR_NO, "1 or 0", "1 while Redis does not answer, else 0.",
           _redis_away),
    Measure("workers.alive", "Workers alive", count("workers"), "workers",
           "How many workers were heard of in the last 20 seconds, on all hosts.", _workers_alive, "below"),
    Measure("disk.free", "Free disk space", BYTES, "bytes", "In the data folder, on the host of the leading watch.",
           _disk_free, "below"),
    Measure("relay.lag", "Lag of events", SECONDS, "seconds",
           "How long the oldest event has been waiting for its place in the stream.", _relay_lag),
)
