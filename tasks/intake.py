"""What a worker takes from the queues.

A task leaves its list and is written down as being in the worker's hand in one step of Redis, which also writes what
became of the task before: a worker with work to do makes one round trip for each task. The names of the keys, and what
a record holds, are RQ's, so that its dashboard shows what goes on.
"""

from __future__ import annotations

import json
import logging
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import redis

from tasks import closings
from tasks.lanes import lane_of
from tasks.line import Assignment
from tasks.queue import ENTRY_POINT
from tasks.records import Record

logger = logging.getLogger(__name__)

LIST = "rq:queue:"
# KEYS: the signs of closed lanes, the worker, its executions, then the lists to take from, first to last.
# ARGV: now in seconds, the same as a date, seconds until an entry ends, the worker's name, an id for this execution,
# the id of a task that was taken from the first list already (or ""), then the lane of each list.
TAKE = """
local closed, signs = {}, redis.call("HGETALL", KEYS[1])
for place = 1, #signs, 2 do
  closed[signs[place]] = signs[place + 1] == "inf" or tonumber(signs[place + 1]) > tonumber(ARGV[1])
end
for place = 4, #KEYS do
  local taken = place == 4 and ARGV[6] ~= ""
  if taken or not closed[ARGV[place + 3]] then
    local id = taken and ARGV[6] or redis.call("LPOP", KEYS[place])
    while id do
      local job = redis.pcall("HMGET", "rq:job:" .. id, "data", "timeout", "meta")
      if job[1] then
        local member, ends = id .. ":" .. ARGV[5], tonumber(ARGV[1]) + tonumber(ARGV[3])
        redis.call("HSET", KEYS[2], "state", "busy")
        redis.call("DEL", KEYS[3])
        redis.call("SADD", KEYS[3], member)
        redis.call("EXPIRE", KEYS[3], ARGV[3])
        redis.call("ZADD", "rq:wip:" .. string.sub(KEYS[place], 10), ends, member)
        redis.call("HSET", "rq:job:" .. id, "status", "started", "worker_name", ARGV[4], "started_at", ARGV[2])
        return {KEYS[place], id, job[1], job[2], job[3]}
      end
      id = redis.call("LPOP", KEYS[place])
    end
  end
end
return false
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """A task in the worker's hand. `own_process`: it is to have a process for itself."""

    task: Assignment
    own_process: bool
    record: Record


class Intake:
    """The queues of one worker, highest rank first. `ttl`: seconds that what is written about a task outlives the last
    word of the worker; `kept`: seconds for which RQ's dashboard shows a task that has ended.

    All methods raise what Redis raises.
    """

    def __init__(self, client: redis.Redis, worker: str, queues: Sequence[str], *, ttl: int, kept: int):
        self._client, self._worker, self._ttl, self._kept = client, worker, ttl, kept
        self._lists = {f"{LIST}{name}": lane_of(name) for name in queues}
        self._ended: tuple[Record, str] | None = None

    def take(self, found: tuple[str, str] | None = None) -> Taken | None:
        """The first task that waits in an open lane, None when there is none. `found`: what `wait` has returned."""
        lists = self._lists if found is None else {found[0]: ""}
        record = Record(self._client, self._worker, "", "", self._ttl, self._kept)
        key = f"rq:worker:{self._worker}"
        with self._client.pipeline() as pipeline:
            if self._ended is not None:
                self._ended[0].end(pipeline, self._ended[1])
            pipeline.eval(TAKE, len(lists) + 3, closings.KEY, key, f"{key}:executions", *lists, repr(record.began),
                          record.stamp, self._ttl, self._worker, record.execution, "" if found is None else found[1],
                          *lists.values())
            answer = pipeline.execute()[-1]
        self._ended = None
        return None if answer is None else self._read(record, *answer)

    def wait(self, seconds: float, pause: float) -> tuple[str, str] | None:
        """Wait for a task; it has then left its list, and `take` has to be told. None after `seconds`, or after `pause`
        when a lane is closed, which may open meanwhile."""
        closed = closings.closed(self._client)
        lists = [key for key, lane in self._lists.items() if lane not in closed]
        if not lists:
            time.sleep(pause)
            return None
        found = self._client.blpop(lists, seconds if len(lists) == len(self._lists) else pause)
        return None if found is None else (found[0].decode(), found[1].decode(errors="replace"))

    def ended(self, taken: Taken, state: str) -> None:
        """The worker no longer has it: written with the next `take`, or by `flush`."""
        self._ended = taken.record, state

    def flush(self) -> None:
        """Write what has ended now."""
        if self._ended is not None:
            with self._client.pipeline() as pipeline:
                self._ended[0].end(pipeline, self._ended[1])
                pipeline.execute()
            self._ended = None

    def put_back(self, taken: Taken) -> None:
        """It does not want it after all: to the front of its queue, from where another worker takes it."""
        with self._client.pipeline() as pipeline:
            taken.record.back(pipeline)
            pipeline.lpush(f"{LIST}{taken.record.queue}", taken.record.task_id)
            pipeline.execute()

    def _read(self, record: Record, key: bytes, task: bytes, data: bytes, timeout: bytes | None, meta: bytes | None
              ) -> Taken | None:
        task_id = task.decode(errors="replace")
        record = record.about(key.decode().removeprefix(LIST), task_id)
        try:
            return Taken(*_understood(task_id, data, timeout, meta), record)
        except (ValueError, TypeError, KeyError, AttributeError, zlib.error):
            logger.error("Worker %s: job %s asks for something else than a task and is dropped.", self._worker, task_id)
            with self._client.pipeline() as pipeline:
                record.back(pipeline)
                pipeline.delete(f"rq:job:{task_id}")
                pipeline.execute()
            return None


def _understood(task_id: str, data: bytes, timeout: bytes | None, meta: bytes | None) -> tuple[Assignment, bool]:
    """The task of RQ's record. Raises when it is not one of Hub's: of several kinds, for it may be anything."""
    call = json.loads(zlib.decompress(data))
    seconds, limits = int(timeout), json.loads(meta or b"{}")
    if call != [ENTRY_POINT, None, [task_id], {}] or seconds <= 0:
        raise ValueError("not ours")
    grace = float(limits.get("grace", 0))
    return Assignment(task_id, seconds, float(limits.get("hard", seconds + grace)), grace), bool(
        limits.get("own_process"))
