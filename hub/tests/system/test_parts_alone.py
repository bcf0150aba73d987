"""Hub as its containers run it: web, worker and watch, each a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request

import pytest

from conftest import process_environment
from hub.env import ROOT
from projects.tests.port_slice import free_port


def health(port: int) -> dict:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return json.loads(answer.read())
    except OSError:
        return {"status": "away"}


@pytest.mark.django_db(transaction=True)
def test_each_part_runs_by_itself_and_ends_when_told(redis_server, eventually):
    port = free_port()
    environment = {**process_environment(), "HUB_HOST": "127.0.0.1", "HUB_PORT": str(port), "HUB_WORKERS": "1"}
    parts = [
        subprocess.Popen([sys.executable, "manage.py", name], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name in ("web", "worker", "watch")
    ]
    try:
        eventually(lambda: {health(port).get(name, {}).get("status") for name in
                            ("database", "redis", "workers", "watch")} == {"ok"}, 60, "every part is well")
    finally:
        for one in parts:
            one.send_signal(signal.SIGTERM)
        codes = [one.wait(30) for one in parts]
    assert codes == [0, 0, 0]
