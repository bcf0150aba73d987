"""The other rules that every Hub has, each broken by its real cause: a service that is killed again and again, a disk
that fills, tasks that take long, a relay that stands still. How soon a real mail server hears of each, and that it is
over."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from alerts.tests.mailbox import Mailbox, listening
from bench.alerts import CHANNEL, PATIENCE, SOON
from bench.figures import Figure, at_most
from bench.hub import all_ended, folder, running_hub, stop_all
from bench.size import Size
from hub.tests.system.running_hub import RunningHub, services_of

FLAKY = "# hub: restart=always ready=up stay_up=0.1\nweb: exec sleep 100000\n"
RESTARTS, DISK, SLOW, RELAY = ("A service keeps restarting: Flaky/web", "The disk is nearly full",
                               "Sleeps are long", "Events lag behind")
GIB = 1 << 30
# What `watch` does every five seconds, while the one that is to do it stands still with the relay.
EVALUATOR = """
import time
from alerts.courier import deliver_due
from alerts.evaluator import evaluate
from alerts.models import Notification
for _ in range(16):
    evaluate()
    if deliver_due():
        break
    time.sleep(5)
"""


def run(size: Size) -> list[Figure]:
    """One after the other, each mended before the next."""
    with listening() as mailbox, running_hub(HUB_SMTP_HOST="127.0.0.1", HUB_SMTP_PORT=str(mailbox.port)) as hub:
        assert hub.post("/api/alerts/channels", CHANNEL).status == 201
        figures = [*_flapping(hub, mailbox), *_full_disk(hub, mailbox), _long_runs(hub, mailbox), _lag(hub, mailbox)]
        twice = len(mailbox.subjects) - len(set(mailbox.subjects))
        return [*figures, Figure("mails that came twice", twice, "mails", at_most(0), f"of {len(mailbox.subjects)}")]


def _flapping(hub: RunningHub, mailbox: Mailbox) -> list[Figure]:
    project = hub.add("Flaky", folder(hub, "flaky", FLAKY))
    all_ended(hub, [hub.ask(project, "start")])
    # What was before the first pass is nobody's to see.
    hub.until(lambda: hub.get("/api/alerts/evaluator").body.get("at"), 30, "Nobody evaluates")
    slug, killed = hub.get(f"/api/projects/{project}").body["slug"], set()

    def one_more() -> list[int]:
        return [pid for pids in services_of(hub.data, slug).values() for pid in pids if pid not in killed]

    for _ in range(4):
        (pid, *_) = hub.until(one_more, 30, "The service does not come back")
        killed.add(pid)
        os.kill(pid, signal.SIGKILL)
    fired = _heard(mailbox, f"[Hub] Firing: {RESTARTS}", "a service was killed four times")
    _rule(hub, "A service keeps restarting", window=60)
    over = _heard(mailbox, f"[Hub] Resolved: {RESTARTS}", "no restart in its window, which is 60 s here", bound=False)
    stop_all(hub, [project])
    return [fired, over]


def _full_disk(hub: RunningHub, mailbox: Mailbox) -> list[Figure]:
    free = psutil.disk_usage(str(hub.data)).free
    _rule(hub, DISK, bound=free - GIB, resolve_bound=free - GIB // 2)
    ballast = Path(hub.data) / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 2 * GIB)
    try:
        fired = _heard(mailbox, f"[Hub] Firing: {DISK}", "2 GiB were written, the bound is 1 GiB less than was free")
    finally:
        ballast.unlink()
    return [fired, _heard(mailbox, f"[Hub] Resolved: {DISK}", "they were removed; it is calm for 60 s", bound=False)]


def _long_runs(hub: RunningHub, mailbox: Mailbox) -> Figure:
    rule = {"name": SLOW, "measure": "tasks.run_mean", "job": "demo.sleep", "bound": 1, "window": 600}
    assert hub.post("/api/alerts/rules", rule).status == 201
    assert hub.post("/api/tasks", {"job": "demo.sleep", "params": {"seconds": 3}}).status == 202
    return _heard(mailbox, f"[Hub] Firing: {SLOW}", "a task began that runs for 3 s; the bound is 1 s on average")


def _lag(hub: RunningHub, mailbox: Mailbox) -> Figure:
    stopped = [hub.process.pid, hub.children()["watch"]]
    for pid in stopped:  # `up` would start another
        os.kill(pid, signal.SIGSTOP)
    try:
        subject = hub.get("/api/events?limit=1").body["items"][0]["subject"].split(".")[1]
        assert hub.post("/api/events", {"subject": f"hub.{subject}.bench.waits", "payload": {}}).status == 201
        began = time.monotonic()
        hub.manage("shell", "-c", EVALUATOR)
    finally:
        for pid in reversed(stopped):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    return _heard(mailbox, f"[Hub] Firing: {RELAY}", "the relay was stopped with an event waiting", began)


def _rule(hub: RunningHub, name: str, **fields: float) -> None:
    found = next(one for one in hub.get("/api/alerts/rules?limit=200").body["items"] if one["name"] == name)
    answer = hub.call("PATCH", f"/api/alerts/rules/{found['id']}", fields)
    assert answer.status == 200, answer.body


def _heard(mailbox: Mailbox, subject: str, cause: str, began: float | None = None, *, bound: bool = True) -> Figure:
    """From now, or then, until the mail is there."""
    began = time.monotonic() if began is None else began
    _until(lambda: subject in mailbox.subjects)
    return Figure(f"{subject.removeprefix('[Hub] ')}: mail", time.monotonic() - began, "s",
                  at_most(SOON) if bound else None, cause)


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
