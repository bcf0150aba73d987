"""Whether one part of Hub works, for the health checks of containers: `python -m hub.healthy web|worker|watch`.

Exits with 0 when it does, else with 1 and a sentence. It reads its environment by itself and loads no Django: it is run
every half minute beside each part.
"""

from __future__ import annotations

import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import redis

ANSWER_SECONDS = 4.0
# A watch touches its file every two seconds, a worker is heard of every five.
STALE_SECONDS = 30.0
EVERYWHERE = ("", "0.0.0.0", "::")


def web() -> str:
    """What is wrong with the web process of this host; empty when it can serve requests."""
    host, port = os.environ.get("HUB_HOST", ""), os.environ.get("HUB_PORT", "9000")
    host = "127.0.0.1" if host in EVERYWHERE else f"[{host}]" if ":" in host else host
    try:
        with urllib.request.urlopen(f"http://{host}:{port}/health/ready", timeout=ANSWER_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        return error.read(2000).decode("utf-8", "replace")
    except OSError as error:
        return f"It does not answer: {error}."


def watch() -> str:
    """What is wrong with the watch of this host's data folder."""
    try:
        age = time.time() - (Path(os.environ["HUB_DATA"]) / "watch.heartbeat").stat().st_mtime
    except FileNotFoundError:
        return "It was never heard of."
    return "" if age < STALE_SECONDS else f"It was last heard of {age:.0f} s ago."


def worker() -> str:
    """What is wrong with the worker of this container: Redis has to have heard of it lately. While Redis is away a
    worker waits for it, which is no fault of the worker."""
    own = {pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _is_worker_here(pid)}
    if not own:
        return "There is no worker."
    client = redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=ANSWER_SECONDS, decode_responses=True)
    try:
        records = [client.hmget(key, "pid", "last_heartbeat") for key in client.smembers("rq:workers")]
    except redis.exceptions.RedisError:
        return ""
    ages = [_age(heard) for pid, heard in records if pid and int(pid) in own and heard]
    if not ages:
        return "Redis has not heard of it."
    return "" if min(ages) < STALE_SECONDS else f"It was last heard of {min(ages):.0f} s ago."


def _is_worker_here(pid: int) -> bool:
    """Whether it is a worker with the files of this container: all containers of Hub see each other's processes."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        here = os.readlink(f"/proc/{pid}/ns/mnt") == os.readlink("/proc/self/ns/mnt")
    except OSError:  # another user's, or ended
        return False
    return here and b"worker" in words and any(word.endswith(b"manage.py") for word in words)


def _age(heard: str) -> float:
    at = datetime.fromisoformat(heard)
    return (datetime.now(UTC) - (at if at.tzinfo else at.replace(tzinfo=UTC))).total_seconds()


PARTS: dict[str, Callable[[], str]] = {"web": web, "worker": worker, "watch": watch}


def main(words: list[str]) -> int:
    if len(words) != 1 or words[0] not in PARTS:
        print(f"usage: python -m hub.healthy {'|'.join(PARTS)}", file=sys.stderr)
        return 2
    wrong = PARTS[words[0]]()
    if wrong:
        print(wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
