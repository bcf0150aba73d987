"""How soon a real mail server hears of what is made to go wrong, with the rules as every Hub has them; and whether it
hears of each once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from alerts.tests.mailbox import Mailbox, listening
from bench.figures import Figure, at_most, median
from bench.hub import running_hub
from bench.size import Size
from hub.tests.system.running_hub import RunningHub

SOON, PATIENCE = 60, 180
CHANNEL = {"name": "Operators", "kind": "mail", "config": {"to": "ops@example.org"}}
FAILURES, WORKERS, DEPTH, REDIS = ("Many tasks fail", "No worker is alive", "Tasks pile up",
                                   "Redis does not answer")
PASSES = 12


def run(size: Size) -> list[Figure]:
    """Tasks that fail, workers and Redis killed and kept from coming back, and then all mended."""
    with listening() as mailbox, running_hub(HUB_SMTP_HOST="127.0.0.1", HUB_SMTP_PORT=str(mailbox.port)) as hub:
        assert hub.post("/api/alerts/channels", CHANNEL).status == 201
        cost = _passes(hub)
        figures = [_heard(mailbox, FAILURES, lambda: _tasks(hub, "demo.fail", 10))]
        # `up` would start both again at once: it is stopped while they are to be away.
        up = hub.process.pid
        children = hub.children()
        os.kill(up, signal.SIGSTOP)
        try:
            workers = [pid for name, pid in children.items() if name.startswith("worker")]
            figures.append(_heard(mailbox, WORKERS, lambda: [os.kill(pid, signal.SIGKILL) for pid in workers]))
            figures.append(_heard(mailbox, DEPTH, lambda: _tasks(hub, "demo.sleep", 12)))
            figures.append(_heard(mailbox, REDIS, lambda: os.kill(children["redis"], signal.SIGKILL)))
        finally:
            os.kill(up, signal.SIGCONT)
        ended = [f"[Hub] Resolved: {name}" for name in (WORKERS, DEPTH, REDIS)]
        began = time.monotonic()
        hub.until(lambda: set(ended) <= set(mailbox.subjects), PATIENCE, f"of {ended} only {mailbox.subjects} came")
        back = time.monotonic() - began
        expected = sorted(f"[Hub] Firing: {name}" for name in (FAILURES, WORKERS, DEPTH, REDIS)) + sorted(ended)
        others = len(mailbox.subjects) - len(expected)
        return [*figures, Figure("all of them resolved after they are mended", back, "s",
                                 note="a service must be well for up to 30 s first"),
                Figure("mails too many or too few", abs(others), "mails", at_most(0),
                       f"{len(mailbox.subjects)} for {len(expected)} moves"),
                cost]


def _heard(mailbox: Mailbox, name: str, cause: Callable[[], object]) -> Figure:
    cause()
    began, wanted = time.monotonic(), f"[Hub] Firing: {name}"
    while wanted not in mailbox.subjects and time.monotonic() - began < PATIENCE:
        time.sleep(0.05)
    return Figure(f"{name}: from its cause to the mail", time.monotonic() - began, "s", at_most(SOON))


def _tasks(hub: RunningHub, job: str, number: int) -> None:
    for _ in range(number):
        params = {"seconds": 0} if job == "demo.sleep" else {}
        assert hub.post("/api/tasks", {"job": job, "params": params}).status == 202


def _passes(hub: RunningHub) -> Figure:
    """What a pass takes, as the evaluator itself says it."""
    took: dict[str, float] = {}
    while len(took) < PASSES:
        said = hub.get("/api/alerts/evaluator").body
        if said.get("at"):
            took[said["at"]] = said["took"]
        time.sleep(0.5)
    return Figure("a pass over all rules", median(list(took.values())), "ms", at_most(50),
                  f"median of {PASSES}, every 5 s; the worst {max(took.values()):.0f} ms")
