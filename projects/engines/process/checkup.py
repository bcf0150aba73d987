"""When to ask one process whether it is ready, and later whether it still answers.

Lean on purpose: the supervisor imports it.
"""

from projects.engines.process.probe import Probe

# Seconds between two questions: while it starts (growing with its age), once it is ready; and how long to listen.
FIRST, SLOWEST, ONCE_READY, PATIENCE = 0.03, 1.0, 15.0, 5.0
# Often at first, so that a quick service is not kept waiting; less often the longer it takes.
SHARE_OF_AGE = 0.02


class Checkup:
    """Asks by what the wish calls `ready`. `due` says when it wants to be called again."""

    def __init__(self, ready: dict, port: int | None, born: float):
        self.ready, self.port, self.born = ready, port, born
        self.probe: Probe | None = None
        self.next_at = self.due = 0.0

    def advance(self, now: float, is_ready: bool) -> bool | None:
        """True or False when there is an answer, None when there is none yet."""
        if self.ready["kind"] == "up":
            stayed = self.born + self.ready["stay_up"]
            self.due = float("inf") if is_ready else stayed
            return True if now >= stayed else None
        answer = None
        if self.probe is not None and (answer := self.probe.advance()) is not None:
            self.probe = None
            wait = ONCE_READY if is_ready or answer else min(SLOWEST, max(FIRST, (now - self.born) * SHARE_OF_AGE))
            self.next_at = now + wait
        if self.probe is None and now >= self.next_at:
            self.probe = Probe(self.ready["kind"], self.port, self.ready["path"], PATIENCE)
        self.due = self.probe.deadline if self.probe else self.next_at
        return answer

    def sockets(self) -> dict:
        """What to poll for, see `Probe.sockets`."""
        return self.probe.sockets() if self.probe else {}

    def close(self) -> None:
        if self.probe is not None:
            self.probe.close()
            self.probe = None
