"""`python -m bench.follower_writer RATE SECONDS KINDS`: so many events a second, each committed by itself, into the Hub
that the environment names. Each says when it was about to be committed (seconds since 1970). Prints how many there
were and how many seconds that took, as JSON."""

from __future__ import annotations

import json
import os
import sys
import time

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "hub.settings"
django.setup()

from events.actions import record  # noqa: E402 - Django has to be set up before


def main(rate: float, seconds: float, kinds: int) -> tuple[int, float]:
    """How many were written, and in how many seconds."""
    count, began = int(rate * seconds), time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        record(f"bench.kind-{number % kinds}", {"at": time.time()})
    return count, time.monotonic() - began


if __name__ == "__main__":
    print(json.dumps(main(float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))))
