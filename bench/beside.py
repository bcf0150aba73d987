"""`python -m bench.beside`: enqueues every few milliseconds until its input ends, in a Hub that is named by the
environment. Says `ready`, and at the end how many seconds each took, as one line of JSON."""

from __future__ import annotations

import json
import sys
import threading
import time

import django

django.setup()

from tasks.actions import enqueue  # noqa: E402 - Django has to be set up before
from tasks.tests.messy.jobs import Nothing  # noqa: E402

PAUSE = 0.005
# What only the first ones cost is not counted.
WARM = 20


def main() -> list[float]:
    """What enqueues took, one after the other."""
    for _ in range(WARM):
        enqueue(Nothing, {})
    print("ready", flush=True)
    over, times = threading.Event(), []

    def listen() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=listen, daemon=True).start()
    while not over.wait(PAUSE):
        began = time.perf_counter()
        enqueue(Nothing, {})
        times.append(time.perf_counter() - began)
    return times


if __name__ == "__main__":
    print(json.dumps(main()))
