"""The handler of the log that tells errors to others. It never makes a request or a task wait for them."""

from __future__ import annotations

import atexit
import logging
import os
import queue
import sys
import threading
import time
from typing import Protocol

from django.utils.module_loading import import_string

from hub.telemetry.config import Telemetry
from hub.telemetry.report import Report
from hub.telemetry.scrub import Scrubber

# So many errors wait to be told; of a flood the rest is left out, and counted.
MOST = 200
# Seconds that an end waits for what has not been told yet.
FAREWELL = 3.0
SENDERS = {"dsn": "hub.telemetry.sentry.Sentry", "endpoint": "hub.telemetry.otlp.Otlp"}
# What the senders' own libraries log about a collector that is away would be told to it.
OWN = ("hub.telemetry", "opentelemetry", "sentry_sdk", "urllib3")
logger = logging.getLogger(__name__)


class Sender(Protocol):
    """Speaks to one outside: `send` blocks for a few seconds at most, and raises when it was not taken."""

    def send(self, report: Report) -> None: ...


class TelemetryHandler(logging.Handler):
    """Errors of this process, told by a thread that the first one starts; by itself in the process of a task, which
    must not be left with a thread."""

    def __init__(self, telemetry: Telemetry, about: dict[str, str], secrets: list[str]):
        super().__init__(logging.ERROR)
        self._telemetry, self._about, self._scrub = telemetry, about, Scrubber(secrets)
        self._pid = 0
        self._senders: list[Sender] | None = None
        self._waiting: queue.Queue[Report] = queue.Queue(MOST)
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(OWN):
            return
        try:
            report = Report.of(record, self._scrub)
            if "HUB_TASK" in os.environ:
                self._tell(report)
                return
            self._ensure_thread()
            self._waiting.put_nowait(report)
        except queue.Full:
            self._left_out += 1
        except Exception:  # noqa: BLE001 - as every handler of a log: it must not break what it tells of
            self.handleError(record)

    def _ensure_thread(self) -> None:
        """A fork has the handler, but not its thread; and what waits there is told by the parent."""
        if self._pid == os.getpid():
            return
        self._pid, self._waiting, self._senders = os.getpid(), queue.Queue(MOST), None
        threading.Thread(target=self._work, name="telemetry", daemon=True).start()
        atexit.register(self._finish)

    def _work(self) -> None:
        while True:
            report = self._waiting.get()
            try:
                self._tell(report)
            finally:
                self._waiting.task_done()

    def _finish(self) -> None:
        until = time.monotonic() + FAREWELL
        while self._pid == os.getpid() and self._waiting.unfinished_tasks and time.monotonic() < until:
            time.sleep(0.02)

    def _tell(self, report: Report) -> None:
        if self._senders is None:
            self._senders = [import_string(path)(self._telemetry, self._about) for name, path in SENDERS.items()
                             if getattr(self._telemetry, name)]
        for sender in self._senders:
            try:
                sender.send(report)
            except Exception as error:  # noqa: BLE001 - whatever an outside does, Hub goes on
                print(f"hub: an error was not told to {type(sender).__name__}: {type(error).__name__}: "
                      f"{self._scrub(str(error))[:200]}", file=sys.stderr, flush=True)
        if self._left_out:
            print(f"hub: {self._left_out} errors were not told: too many came at once.", file=sys.stderr, flush=True)
            self._left_out = 0
