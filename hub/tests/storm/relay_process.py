"""`python -m hub.tests.storm.relay_process`: the relay alone, as `watch` runs it, until it is killed."""

from __future__ import annotations

import os
import signal

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "hub.settings"
django.setup()

from django.conf import settings  # noqa: E402 - Django has to be set up before
from django.utils.module_loading import import_string  # noqa: E402

from events.relay.loop import Relay  # noqa: E402
from events.relay.redis_stream import RedisCarrier  # noqa: E402

if __name__ == "__main__":
    carriers = [RedisCarrier()]
    if settings.NATS is not None:
        carriers.append(import_string("events.nats.carrier.NatsCarrier")(settings.NATS))
    relay = Relay(carriers)
    relay.start()
    relay.lead(True)
    signal.pause()
