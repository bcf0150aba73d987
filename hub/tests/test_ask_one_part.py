"""A container's health check asks one part of Hub: it is well, away, or silent for too long."""

from __future__ import annotations

import os
import time

import pytest
from django.conf import settings

from hub import healthy
from projects.tests.port_slice import free_port


def test_a_watch_is_well_while_it_touches_its_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HUB_DATA", str(tmp_path))
    assert healthy.main(["watch"]) == 1 and "never heard of" in capsys.readouterr().out
    beat = tmp_path / "watch.heartbeat"
    beat.touch()
    assert (healthy.main(["watch"]), capsys.readouterr().out) == (0, "")
    os.utime(beat, (time.time() - 60, time.time() - 60))
    assert healthy.main(["watch"]) == 1 and "last heard of 60 s ago" in capsys.readouterr().out


def test_a_web_that_does_not_answer(monkeypatch, capsys):
    monkeypatch.setenv("HUB_HOST", "0.0.0.0")
    monkeypatch.setenv("HUB_PORT", str(free_port()))
    assert healthy.main(["web"]) == 1 and "does not answer" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_a_worker_is_well_while_redis_hears_of_it(workers, eventually, monkeypatch, capsys):
    monkeypatch.setenv("REDIS_URL", settings.REDIS_URL)
    assert healthy.main(["worker"]) == 1
    (worker,) = workers(1)
    assert healthy.main(["worker"]) == 0
    with monkeypatch.context() as patch:
        patch.setattr(healthy, "STALE_SECONDS", -1.0)
        assert healthy.main(["worker"]) == 1 and "last heard of" in capsys.readouterr().out
        patch.setenv("REDIS_URL", "unix:///nowhere/redis.sock?db=0")
        assert healthy.main(["worker"]) == 0, "Redis is away: the worker waits for it"
    worker.kill()
    assert healthy.main(["worker"]) == 1


def test_what_it_can_be_asked(capsys):
    assert healthy.main([]) == healthy.main(["nobody"]) == 2
    assert "web|worker|watch" in capsys.readouterr().err
