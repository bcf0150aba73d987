"""One connection to NATS, for callers without an event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

import nats
from nats.aio.client import Client
from nats.errors import NoServersError
from nats.js import JetStreamContext

from events.nats.config import NatsConfig

logger = logging.getLogger(__name__)

# Seconds to connect, and for all answers of one call.
CONNECT, ANSWER = 3, 10.0
# A server that is silent is asked every so many seconds, and given up after the second question without an answer.
PING = 5
Result = TypeVar("Result")
Step = Callable[[Client, JetStreamContext], Awaitable[Result]]


class NatsAway(ConnectionError):
    """NATS does not answer, or does not let us in. Nothing is lost: it is tried again."""


class Connection:
    """Connects when it is first needed, and anew after it was cut. Its event loop has a thread of its own."""

    def __init__(self, config: NatsConfig):
        self._config = config
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Client | None = None
        self._heard: Exception | None = None

    @property
    def is_connected(self) -> bool:
        return self._client is not None and self._client.is_connected

    def call(self, step: Step[Result], timeout: float = ANSWER) -> Result:
        """What `step(client, jetstream)` returns, after connecting where that is needed. Raises NatsAway for whatever
        it raises; the connection is then closed, so that the next call begins anew."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name="nats", daemon=True).start()
        future = asyncio.run_coroutine_threadsafe(self._do(step, timeout), self._loop)
        return future.result(CONNECT + timeout + 5)

    def close(self) -> None:
        """Leave NATS."""
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result(5)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._loop = None

    async def _do(self, step: Step[Result], timeout: float) -> Result:
        try:
            async with asyncio.timeout(CONNECT + timeout):
                if not self.is_connected:
                    await self._leave()
                    self._client = await self._connect()
                return await step(self._client, self._client.jetstream(timeout=timeout))
        except Exception as error:
            await self._leave()
            # "No servers available" says less than why there is none.
            cause = self._heard if isinstance(error, NoServersError) and self._heard else error
            raise NatsAway(f"{type(cause).__name__}: {cause}".rstrip(": ")) from error

    async def _connect(self) -> Client:
        # Not by the library, which would hold back what is published meanwhile and send it out of its turn.
        self._heard = None
        return await nats.connect(
            list(self._config.servers), name="hub", allow_reconnect=False, connect_timeout=CONNECT, ping_interval=PING,
            max_reconnect_attempts=1, reconnect_time_wait=0.1, max_outstanding_pings=2, error_cb=self._told,
            user=self._config.user or None, password=self._config.password or None, token=self._config.token or None,
            tls=self._config.tls,
        )  # fmt: skip

    async def _leave(self) -> None:
        client, self._client = self._client, None
        if client is not None and not client.is_closed:
            try:
                async with asyncio.timeout(1):
                    await client.close()
            except Exception as error:  # noqa: BLE001 - it is given up anyway
                logger.debug("NATS: %r", error)

    async def _told(self, error: Exception) -> None:
        # What matters is raised to the caller as well.
        self._heard = error
        logger.debug("NATS: %r", error)
