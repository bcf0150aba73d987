"""Workers are killed, Redis is killed, tasks fail, the watch is killed: a real mail server hears of each, once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alerts import channel_actions
from alerts.models import Alert, Look, Rule
from alerts.tests.mailbox import Mailbox, listening
from conftest import process_environment
from hub.tests.conftest import ROOT
from tasks.actions import enqueue
from tasks.jobs import Fail

# A minute is what the docs promise with the rules as they are; here they hold for no time, and the machine may be busy.
SOON = 60


@pytest.fixture
def mailbox(settings) -> Iterator[Mailbox]:
    with listening() as box:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        yield box


@pytest.fixture
def watch(mailbox, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen]]:
    """`watch()` starts a real `manage.py watch` on the test database."""
    started: list[subprocess.Popen] = []
    environ = {**process_environment(), "HUB_SMTP_HOST": "127.0.0.1", "HUB_SMTP_PORT": str(mailbox.port)}

    def start() -> subprocess.Popen:
        with (tmp_path / f"watch-{len(started)}.log").open("wb") as out:
            started.append(subprocess.Popen([sys.executable, str(ROOT / "manage.py"), "watch"], env=environ,
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
    for log in sorted(tmp_path.glob("watch-*.log")):
        print(f"--- {log.name}\n{log.read_text()[-3000:]}")


def test_each_cause_is_told_once_also_without_redis_and_after_a_kill(workers, redis_server, watch, mailbox, eventually):
    wanted = {"workers", "redis", "failures"}
    Rule.objects.exclude(builtin__in=wanted).update(enabled=False)
    Rule.objects.filter(builtin__in=wanted).update(hold=0, calm=0)
    channel_actions.create("Operators", "mail", {"to": "ops@example.org"})
    one, = workers(1)
    first = watch()
    eventually(lambda: Look.objects.exists(), SOON, "The watch never looked at the rules.")
    assert not Alert.objects.exists()

    for _ in range(10):
        enqueue(Fail, {})
    heard = ["[Hub] Firing: Many tasks fail"]
    eventually(lambda: mailbox.subjects == heard, SOON, "Nobody heard of the tasks that failed.")

    one.kill()
    heard.append("[Hub] Firing: No worker is alive")
    eventually(lambda: mailbox.subjects == heard, SOON, "Nobody heard of the worker.")

    redis_server.kill()
    try:
        heard.append("[Hub] Firing: Redis does not answer")
        eventually(lambda: mailbox.subjects == heard, SOON, "Nobody heard of Redis.")
        first.kill()
        first.wait()
        last = Look.objects.get().at
        watch()
        eventually(lambda: Look.objects.get().at > last, SOON, "Nobody followed the watch.")
    finally:
        redis_server.start()
    heard.append("[Hub] Resolved: Redis does not answer")
    eventually(lambda: mailbox.subjects == heard, SOON, "Nobody heard that Redis is back.")

    workers(1)
    heard.append("[Hub] Resolved: No worker is alive")
    eventually(lambda: mailbox.subjects == heard, SOON, "Nobody heard that a worker is back.")
    assert Alert.objects.count() == 3
