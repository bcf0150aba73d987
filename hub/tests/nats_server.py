"""A real NATS server with JetStream, for tests of every app."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from projects.tests.port_slice import free_port


class NatsServer:
    """A server on one port and one folder, which it keeps through `kill` and `start`; `more` is added to its
    configuration."""

    def __init__(self, folder: Path, more: str = "", **options: Any):
        self.folder, self.port, self.options = folder, free_port(), options
        folder.mkdir(parents=True, exist_ok=True)
        self._config = folder / "nats.conf"
        self._config.write_text(f'host: 127.0.0.1\nport: {self.port}\n{more}\njetstream {{ store_dir: "{folder}" }}\n')
        self.process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it answers."""
        with (self.folder / "nats.log").open("ab") as log:
            self.process = subprocess.Popen(["nats-server", "-c", str(self._config)], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while not self._answers():
            # Looked at after the try: a machine may stand still for longer than any deadline.
            assert self.process.poll() is None and time.monotonic() < deadline, (self.folder / "nats.log").read_text()
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as one:
                return one.recv(4) == b"INFO"
        except OSError:
            return False

    def kill(self) -> None:
        """kill -9, as a crash would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def ask(self, step: Callable[[Client], Any]) -> Any:
        """What `step(client)` returns, for a client of the test's own."""

        async def steps() -> Any:
            client = await nats.connect(self.url, allow_reconnect=False, connect_timeout=5, **self.options)
            try:
                return await step(client)
            finally:
                await client.close()

        return asyncio.run(steps())

    def messages(self, stream: str) -> list[tuple[str, dict[str, str], dict[str, Any]]]:
        """All that a stream holds, in order: subject, headers, event; nothing when there is no such stream."""

        async def step(client: Client) -> list:
            jetstream, found = client.jetstream(), []
            try:
                state = (await jetstream.stream_info(stream)).state
            except NotFoundError:
                return []
            if not state.messages:
                return []
            for number in range(state.first_seq, state.last_seq + 1):
                message = await jetstream.get_msg(stream, seq=number)
                found.append((message.subject, dict(message.headers or {}), json.loads(message.data)))
            return found

        return self.ask(step)


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[Callable[..., NatsServer]]:
    """`nats_server(more="", **options)` starts one; the options are those of the clients that `ask` it."""
    if shutil.which("nats-server") is None:
        pytest.skip("nats-server was not found (Debian: apt-get install nats-server).")
    servers: list[NatsServer] = []

    def start(more: str = "", **options: Any) -> NatsServer:
        servers.append(NatsServer(tmp_path / f"nats-{len(servers)}", more, **options))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
