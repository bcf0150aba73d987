"""`python asking.py KEY`: ask the Hub at 127.0.0.1:9000 without a pause until standard input ends, then tell how it
went: `{"asked", "failures": [...], "slowest", "versions": [...], "streams", "positions": [...]}`.

One client asks by a new connection each time, one by a connection that it keeps, one follows the stream of events and
comes again with the last position where a stream ends.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from typing import Any

PLACE = ("127.0.0.1", 9000)
KEY = sys.argv[1]
PATHS = ("/health", "/sign-in/", "/api/projects", "/api/tasks?limit=5")
HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
stop = threading.Event()
told: dict[str, Any] = {"asked": 0, "failures": [], "slowest": 0.0, "versions": [], "streams": 0, "positions": []}
lock = threading.Lock()


def ask(connection: http.client.HTTPConnection, path: str) -> http.client.HTTPResponse:
    began = time.monotonic()
    connection.request("GET", path, headers=HEADERS)
    answer = connection.getresponse()
    body = answer.read()
    with lock:
        told["asked"] += 1
        told["slowest"] = max(told["slowest"], round(time.monotonic() - began, 2))
        if answer.status != 200:
            told["failures"].append(f"{path}: {answer.status}")
        elif path == "/health" and (version := json.loads(body)["version"]) not in told["versions"]:
            told["versions"].append(version)
    return answer


def fail(path: str, error: Exception) -> None:
    with lock:
        told["failures"].append(f"{path}: {error!r}")


def anew() -> None:
    while not stop.is_set():
        for path in PATHS:
            connection = http.client.HTTPConnection(*PLACE, timeout=30)
            try:
                ask(connection, path)
            except (OSError, http.client.HTTPException) as error:
                fail(path, error)
            finally:
                connection.close()
        stop.wait(0.02)


def kept() -> None:
    """As a browser does: a connection that the server has said it closes is not used again, and a request on one that
    it closed for being idle goes by a new one."""
    connection, used = http.client.HTTPConnection(*PLACE, timeout=30), False
    while not stop.is_set():
        try:
            used = not ask(connection, "/health").will_close
        except (OSError, http.client.HTTPException) as error:
            if not used:
                fail("/health, kept", error)
            used = False
        if not used:
            connection.close()
        stop.wait(0.05)


def follow() -> None:
    after = "0"
    while not stop.is_set():
        connection = http.client.HTTPConnection(*PLACE, timeout=5)
        try:
            connection.request("GET", f"/api/events/stream?after={after}", headers=HEADERS)
            answer = connection.getresponse()
            if answer.status != 200:
                fail("stream", RuntimeError(f"{answer.status}"))
                return
            with lock:
                told["streams"] += 1
            while line := answer.readline():
                if line.startswith(b"id:"):
                    after = line[3:].strip().decode()
                    told["positions"].append(int(after))
                if stop.is_set():
                    return
        except (OSError, http.client.HTTPException):
            continue  # silent for long, or cut: it comes again, and what counts is what it misses
        finally:
            connection.close()


threads = [threading.Thread(target=run, daemon=True) for run in (anew, kept, follow)]
for one in threads:
    one.start()
print("asking", flush=True)
sys.stdin.read()
stop.set()
for one in threads:
    one.join(30)
with lock:
    print(json.dumps(told), flush=True)
