"""`python enqueue.py N`: enqueues the task of `app.py` so often, and prints the seconds that each took, as JSON."""

from __future__ import annotations

import json
import sys
import time

from app import enqueue


def main(number: int) -> list[float]:
    """The first needs a connection; it does not count."""
    enqueue()
    times = []
    for _ in range(number):
        began = time.perf_counter()
        enqueue()
        times.append(time.perf_counter() - began)
    return times


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
