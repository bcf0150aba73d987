"""What the processes share: the database, the log, their end."""

import os
import signal
import sqlite3
import sys
import time


def log(*words):
    print(time.strftime("%H:%M:%S"), *words, flush=True)


def end_at_signal():
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))


def database():
    """A connection to the database of this copy of the stack; each statement is its own transaction."""
    folder = os.environ.get("HUB_STACK_DATA") or os.environ.get("PIPELINE_DATA")
    if not folder:
        folder = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"pipeline-{os.getuid()}")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    connection = sqlite3.connect(os.path.join(folder, "pipeline.sqlite3"), timeout=5, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    return connection
