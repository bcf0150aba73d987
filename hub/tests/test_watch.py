"""The watch does its rounds, whatever breaks, and exactly one of several leads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connections

from hub.tests.conftest import ROOT
from hub.watch import FileLeadership, Step, Watch, heartbeat_age


@pytest.fixture
def signals_restored() -> Iterator[None]:
    connections.close_all()  # an earlier test's, which a watch in this process may not look at
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def start_watch(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """`start_watch(DATABASE_URL=...)` starts a real `manage.py watch` in a data folder without Redis."""
    started = []
    base = {**os.environ, "HUB_DATA": str(tmp_path / "data"), "REDIS_URL": "", "DATABASE_URL": ""}

    def start(**environment: str) -> subprocess.Popen:
        command = [sys.executable, str(ROOT / "manage.py"), "watch"]
        with (tmp_path / f"watch-{len(started)}.log").open("wb") as out:
            started.append(
                subprocess.Popen(command, env={**base, **environment}, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
    for log in sorted(tmp_path.glob("watch-*.log")):
        print(f"--- {log.name}\n{log.read_text()[-3000:]}")


def test_a_step_that_raises_hinders_neither_itself_nor_the_others(tmp_path, settings, signals_restored, caplog):
    settings.HUB_DATA = tmp_path
    calls: list[str] = []

    def broken():
        calls.append("broken")
        raise RuntimeError("no luck")

    def good():
        calls.append("good")
        if calls.count("good") == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return ["cured one"]

    steps = [Step("broken", 0.05, broken), Step("good", 0.05, good)]
    Watch(steps, FileLeadership(tmp_path / "watch.lock")).run()
    assert calls.count("good") == 3
    assert calls.count("broken") == 3
    failures = [record for record in caplog.records if "no luck" in record.getMessage()]
    assert len(failures) == 3
    # The traceback is worth reading once.
    assert [bool(record.exc_info) for record in failures] == [True, False, False]
    assert "good: cured one" in caplog.text
    assert heartbeat_age() < 5


def test_a_step_that_hears_of_news_does_not_wait_for_its_turn(tmp_path, settings, signals_restored):
    settings.HUB_DATA = tmp_path
    runs: list[float] = []

    def look():
        runs.append(time.monotonic())
        if len(runs) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            # The news come while nothing is done, from another thread.
            threading.Timer(0.05, news[0]).start()

    news: list = []
    Watch([Step("look", 30.0, look, listen=news.append)], FileLeadership(tmp_path / "watch.lock")).run()
    assert len(runs) == 3 and runs[-1] - runs[0] < 10


def test_a_step_that_hangs_does_not_keep_it_from_ending(tmp_path, settings, signals_restored):
    settings.HUB_DATA = tmp_path

    def hangs():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

    begun = time.monotonic()
    with pytest.raises(SystemExit):
        Watch([Step("hangs", 1.0, hangs)], FileLeadership(tmp_path / "watch.lock")).run()
    assert time.monotonic() - begun < 5


def test_one_of_two_leads_and_the_other_takes_over_when_it_is_killed(tmp_path):
    path = tmp_path / "watch.lock"
    code = (
        "import sys, time; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "import django; django.setup(); from hub.watch import FileLeadership\n"
        "held = FileLeadership(Path(sys.argv[1])); print(held.hold(), flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, path, ROOT], stdout=subprocess.PIPE, text=True)
    mine = FileLeadership(path)
    try:
        assert other.stdout.readline() == "True\n"
        assert not mine.hold()
    finally:
        other.kill()
        other.wait()
        other.stdout.close()
    assert mine.hold()
    assert mine.hold()
    mine.release()


@pytest.mark.alone
def test_it_shows_that_it_lives_without_redis_and_ends_within_a_second(start_watch, tmp_path, eventually):
    watch = start_watch()
    heartbeat = tmp_path / "data" / "watch.heartbeat"
    eventually(heartbeat.exists, 20)
    first = heartbeat.stat().st_mtime
    eventually(lambda: heartbeat.stat().st_mtime > first, 10)
    watch.terminate()
    # A second, and what a busy machine adds to it.
    assert watch.wait(3) == 0


def test_on_postgresql_one_of_two_leads_and_the_other_takes_over(start_watch, tmp_path, postgres_url, eventually):
    folders = [tmp_path / "one", tmp_path / "two"]
    watches = [start_watch(HUB_DATA=str(folder), DATABASE_URL=postgres_url) for folder in folders]
    leader = eventually(lambda: [i for i, folder in enumerate(folders) if (folder / "watch.heartbeat").exists()], 20)[0]
    other = 1 - leader
    # A full round later there is still only one.
    first = (folders[leader] / "watch.heartbeat").stat().st_mtime
    eventually(lambda: (folders[leader] / "watch.heartbeat").stat().st_mtime > first + 2.5, 15)
    assert not (folders[other] / "watch.heartbeat").exists()
    watches[leader].kill()
    eventually((folders[other] / "watch.heartbeat").exists, 15)
