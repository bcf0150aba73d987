"""`python -m bench.follower_writer RATE SECONDS KINDS`: so many events a second, each committed by itself, into the Hub
that the environment names. Each says when it was about to be committed (seconds since 1970). Prints how many there
were and how many seconds that took, as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "hub.settings"
django.setup()

from django.db import connections  # noqa: E402 - Django has to be set up before

from events.actions import record  # noqa: E402

# One after the other they would wait for the disk of a slow machine.
WRITERS = 4


def main(rate: float, seconds: float, kinds: int) -> tuple[int, float]:
    """How many were written, and in how many seconds."""
    count, began = int(rate * seconds), time.monotonic()

    def write(first: int) -> None:
        for number in range(first, count, WRITERS):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            record(f"bench.kind-{number % kinds}", {"at": time.time()})
        connections.close_all()

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    return count, time.monotonic() - began


if __name__ == "__main__":
    print(json.dumps(main(float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))))
