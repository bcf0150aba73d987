"""What a worker is told while it works, over its channel in Redis: to stop a task, to drain, to stop, to end."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
from typing import Any

import redis

from tasks.queue import ORDERS

logger = logging.getLogger(__name__)


class Orders:
    """To be put before an RQ worker among the bases of a class, which has `stop_task(id)` and `kill_horse()`. All here
    runs in the thread that listens to the channel."""

    _order = ""

    def order(self) -> str:
        """What it was told to do, in the words of its record; empty when it works as usual."""
        return ORDERS.get(self._order, "")

    def handle_payload(self, message: dict[str, Any]) -> None:
        """A command from RQ's channel: `stop-job` is told to the horse, which may tidy up."""
        with contextlib.suppress(ValueError):
            command = json.loads(message["data"])
            if command.get("command") in ("stop-job", "stop-execution"):
                self.stop_task(str(command.get("job_id")))
                return
            if (order := str(command.get("command")).removeprefix("hub-")) in ORDERS:
                self._obey(order)
                return
        super().handle_payload(message)

    def _obey(self, order: str) -> None:
        """What is asked for a second time is done already."""
        logger.info("Worker %s: told to %s.", self.name, order)
        if order == "drain" and self._order:
            return
        self._order = order
        try:
            self.connection.hset(self.key, "order", ORDERS[order])
        except redis.exceptions.RedisError as error:
            logger.warning("The order of worker %s was not written: %s", self.name, error)
        if order == "drain":  # one that waits for a task just now gives that back
            return
        if not self._stop_requested:
            os.kill(os.getpid(), signal.SIGTERM)  # from a thread: Python's handlers run in the main thread
        if order == "kill":
            self.kill_horse()
