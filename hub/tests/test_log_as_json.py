"""Logs for what collects them: one JSON object a line, with the correlation id of the request, without secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid

import pytest

from hub.env import ROOT, EnvError, read_env

SAY = """
import logging, uuid
from events.context import acting
log = logging.getLogger("hub.test")
log.info("outside")
with acting(correlation=uuid.UUID("{id}")):
    log.warning("two\\nlines, é", extra={{"project": 42}})
    log.info("GET /sign-in/very-secret-token/ 200")
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("it failed")
log.debug("quiet")
"""


def lines(tmp_path, **environ: str) -> list[str]:
    places = {"PATH": os.environ["PATH"], "HUB_DATA": str(tmp_path / "data"), "HUB_PROJECTS_ROOT": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "shell", "--no-imports", "-c", SAY.format(id=ID)], check=True,
        cwd="/", env={**places, **environ}, capture_output=True, text=True,
    )
    return done.stderr.splitlines()


ID = str(uuid.uuid4())


def test_every_line_is_an_object(tmp_path):
    outside, warned, signed, failed = map(json.loads, lines(tmp_path, HUB_LOG_FORMAT="json"))
    assert set(outside) == {"time", "level", "logger", "message", "correlation_id", "pid"}
    assert outside["correlation_id"] is None and outside["time"].endswith("Z")
    assert (warned["level"], warned["logger"], warned["message"]) == ("WARNING", "hub.test", "two\nlines, é")
    assert warned["correlation_id"] == ID and warned["extra"] == {"project": 42}
    assert signed["message"] == "GET /sign-in/…/ 200"
    assert failed["message"] == "it failed" and failed["exception"].endswith("ValueError: broken")


def test_the_level_is_chosen(tmp_path):
    told = lines(tmp_path, HUB_LOG_LEVEL="error")
    assert "it failed" in told[0] and not any("outside" in line or "two" in line for line in told)
    assert any("quiet" in line for line in lines(tmp_path, HUB_LOG_LEVEL="DEBUG"))


@pytest.mark.parametrize(("name", "value"), [("HUB_LOG_LEVEL", "loud"), ("HUB_LOG_FORMAT", "xml")])
def test_a_wrong_word_stops_the_start(tmp_path, name, value):
    with pytest.raises(EnvError, match=name):
        read_env({"HUB_DATA": str(tmp_path / "data"), name: value})
