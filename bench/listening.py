"""`python -m bench.listening PORT PATH NUMBER MARK`: so many tabs that listen to a stream of server-sent events, in a
process of their own. They come again when it ends, as browsers do. The cookies are read from the first line of standard
input, its end is theirs; what they heard is then printed as one line of JSON."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.load import request

ROOT = Path(__file__).resolve().parent.parent
READY = "listening"


@dataclass
class Tab:
    """One that listens: of each message when it came (monotonic) and whether it has the mark."""

    heard: list[tuple[float, bool]] = field(default_factory=list)
    last: str = ""
    bytes: int = 0
    opened: int = 0
    refused: int = 0

    async def listen(self, port: int, path: str, cookie: str, mark: bytes) -> None:
        """Until it is cancelled."""
        while True:
            headers = {"Cookie": cookie, **({"Last-Event-ID": self.last} if self.last else {})}
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(request("GET", path, headers))
                if (await reader.readline()).split()[1] == b"200":
                    self.opened += 1
                    await self._read(reader, mark)
                else:
                    self.refused += 1
            finally:
                writer.close()
            await asyncio.sleep(1)

    async def _read(self, reader: asyncio.StreamReader, mark: bytes) -> None:
        await reader.readuntil(b"\r\n\r\n")
        while length := int(await reader.readline() or b"0", 16):
            part = await reader.readexactly(length + 2)
            self.bytes += length
            if part.startswith(b"id: "):
                self.last = part[4: part.index(b"\n")].decode()
                self.heard.append((time.monotonic(), mark in part))


@dataclass
class Heard:
    """What all tabs heard."""

    tabs: list[list[tuple[float, bool]]] = field(default_factory=list)
    bytes: int = 0
    opened: int = 0
    refused: int = 0


@contextmanager
def listening(port: int, path: str, number: int, cookie: str, mark: str) -> Iterator[Heard]:
    """Tabs that listen meanwhile, and all of which have heard something. Filled when they have gone."""
    command = [sys.executable, "-m", "bench.listening", str(port), path, str(number), mark]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    heard = Heard()
    try:
        process.stdin.write(f"{cookie}\n")
        process.stdin.flush()
        assert process.stdout.readline().strip() == READY
        yield heard
        said, _ = process.communicate()
        for name, value in json.loads(said).items():
            setattr(heard, name, value)
    finally:
        process.kill()
        process.wait()


async def main(port: int, path: str, number: int, mark: str) -> dict[str, Any]:
    """What they heard until the end of standard input."""
    cookie = await asyncio.to_thread(sys.stdin.readline)
    tabs = [Tab() for _ in range(number)]
    listeners = [asyncio.create_task(tab.listen(port, path, cookie.strip(), mark.encode())) for tab in tabs]
    while not all(tab.heard for tab in tabs):
        for one in listeners:
            if one.done():
                one.result()
        await asyncio.sleep(0.05)
    print(READY, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for one in listeners:
        one.cancel()
    await asyncio.gather(*listeners, return_exceptions=True)
    return {"tabs": [tab.heard for tab in tabs], "bytes": sum(tab.bytes for tab in tabs),
            "opened": sum(tab.opened for tab in tabs), "refused": sum(tab.refused for tab in tabs)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]))))
