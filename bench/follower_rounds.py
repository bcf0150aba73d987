"""`python -m bench.follower_rounds PORT NUMBER KINDS`: so many who follow the stream by server-sent events, each one of
the kinds, in a process of their own. The cookies and the Hub's id are the first lines of standard input, its end is
theirs; how long after its moment each event came (seconds) is then printed as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from bench.load import request

BEGIN = b"data: "


@dataclass
class Follower:
    """One that follows a subject; `delays` of what it got."""

    delays: list[float] = field(default_factory=list)
    refused: int = 0
    is_open: bool = False
    last: str = ""

    async def follow(self, port: int, path: str, cookie: str) -> None:
        """Until it is cancelled; comes again when its stream has ended."""
        while True:
            headers = {"Cookie": cookie, **({"Last-Event-ID": self.last} if self.last else {})}
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(request("GET", path, headers))
                if (await reader.readline()).split()[1] == b"200":
                    await self._read(reader)
                else:
                    self.refused += 1
                    await asyncio.sleep(1)
            finally:
                writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.is_open = True
        while length := int(await reader.readline() or b"0", 16):
            part = await reader.readexactly(length + 2)
            now = time.time()
            if part.startswith(b"id: "):
                self.last = part[4: part.index(b"\n")].decode()
                event = json.loads(part[part.index(BEGIN) + len(BEGIN):])
                self.delays.append(now - event["payload"]["at"])


async def main(port: int, number: int, kinds: int) -> dict[str, Any]:
    """What they got until the end of standard input."""
    cookie, own = [(await asyncio.to_thread(sys.stdin.readline)).strip() for _ in range(2)]
    followers = [Follower() for _ in range(number)]
    tasks = [
        asyncio.create_task(one.follow(
            port, f"/api/events/stream?subject=hub.{own}.bench.kind-{place % kinds}", cookie))
        for place, one in enumerate(followers)
    ]
    while not all(one.is_open or one.refused for one in followers):
        for task in tasks:
            if task.done():
                task.result()
        await asyncio.sleep(0.05)
    print("listening", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {"delays": [delay for one in followers for delay in one.delays],
            "refused": sum(one.refused for one in followers)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))))
