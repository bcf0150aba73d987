"""The jobs of this app: two to try Hub with, one that removes what is old, and one that changes many tasks."""

from __future__ import annotations

import time
from typing import Any

from tasks.bulk.job import Bulk
from tasks.errors import BadTask
from tasks.job import Job, JobFailed
from tasks.parameters import check_names
from tasks.retention.job import Prune

# What is here is registered.
__all__ = ["Bulk", "Fail", "Prune", "Sleep"]

LONGEST = 24 * 3600
MOST_STEPS = 100
# Short enough for a stop to be noticed, long enough to cost nothing.
NAP = 0.1


class Sleep(Job):
    """`{"seconds": number, "steps"?: 1-100}`: sleeps, in steps of the same length."""

    name = "demo.sleep"
    startable = True
    timeout = LONGEST + 60
    max_attempts = 3

    @classmethod
    def check(cls, params: dict[str, Any]) -> None:
        seconds, steps = params.get("seconds"), params.get("steps", 1)
        if not _is_number(seconds) or not 0 <= seconds <= LONGEST:
            raise BadTask(f"“seconds” must be a number from 0 to {LONGEST}.", "params")
        if not isinstance(steps, int) or isinstance(steps, bool) or not 1 <= steps <= MOST_STEPS:
            raise BadTask(f"“steps” must be a whole number from 1 to {MOST_STEPS}.", "params")
        check_names(params, "seconds", "steps")

    @classmethod
    def title(cls, params: dict[str, Any]) -> str:
        return f"Sleep for {params['seconds']:g} s"

    def run(self) -> dict[str, Any]:
        seconds, steps = self.params["seconds"], self.params.get("steps", 1)
        keys = [f"nap-{number}" for number in range(1, steps + 1)]
        self.progress.plan([(key, f"Nap {number} of {steps}") for number, key in enumerate(keys, 1)])
        begun = time.monotonic()
        for number, key in enumerate(keys, 1):
            self.progress.update(key)
            self.log(f"Nap {number} of {steps}: {seconds / steps:g} s")
            while (left := begun + seconds * number / steps - time.monotonic()) > 0:
                self.progress.check()
                time.sleep(min(left, NAP))
            self.progress.finish(key)
        return {"slept": seconds}


class FailsForGood(JobFailed):
    """A failure that no retry would mend."""


class Fail(Job):
    """`{"message"?: text, "times"?: 0-100}`: fails for good; with `times` so many times, each tried again by itself
    after a pause, and then succeeds."""

    name = "demo.fail"
    startable = True
    retries = 100
    backoff = 0.5
    backoff_cap = 10.0
    no_retry_on = (FailsForGood,)

    @classmethod
    def check(cls, params: dict[str, Any]) -> None:
        message, times = params.get("message", ""), params.get("times")
        if not isinstance(message, str) or len(message) > 1000:
            raise BadTask("“message” must be a text of at most 1000 characters.", "params")
        if times is not None and (not isinstance(times, int) or isinstance(times, bool) or not 0 <= times <= 100):
            raise BadTask("“times” must be a whole number from 0 to 100.", "params")
        check_names(params, "message", "times")

    @classmethod
    def title(cls, params: dict[str, Any]) -> str:
        return "Fail"

    def run(self) -> dict[str, Any]:
        message, times = self.params.get("message") or "This was to be expected.", self.params.get("times")
        if times is None:
            raise FailsForGood(message)
        before = self.task.attempts.filter(outcome="failed").count()
        if before >= times:
            return {"failures": before}
        raise JobFailed(message, f"Failure {before + 1} of {times}.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
