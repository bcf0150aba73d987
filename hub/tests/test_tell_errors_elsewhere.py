"""Errors of web, workers and watch arrive at Sentry and at a collector of OpenTelemetry, without secrets."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from events.context import CorrelationFilter, acting
from events.tests.receiver import Receiver
from hub.env import ROOT, EnvError, read_env
from hub.telemetry import handler as telemetry_handler
from hub.telemetry.config import Telemetry
from hub.telemetry.handler import MOST, TelemetryHandler
from hub.telemetry.scrub import Scrubber
from tasks.actions import enqueue
from tasks.states import TaskState
from tasks.tests.jobs import Raise

SECRET = "s3cretpassword"


class Outside:
    """What has arrived, by both ways."""

    def __init__(self, receiver: Receiver):
        self.receiver = receiver

    @property
    def environ(self) -> dict[str, str]:
        return {"SENTRY_DSN": self.receiver.url("/7").replace("://", "://publickey@"),
                "OTEL_EXPORTER_OTLP_ENDPOINT": self.receiver.url("/otlp"),
                "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20collector"}

    def events(self) -> list[dict]:
        """Of Sentry: an envelope has a line about itself, and for each item a line of what it is and one of it."""
        found = []
        for one in list(self.receiver.received):
            if one.path == "/api/7/envelope/":
                assert "sentry_key=publickey" in one.headers["x-sentry-auth"]
                lines = one.body.splitlines()
                found += [json.loads(body) for head, body in zip(lines[1::2], lines[2::2], strict=True)
                          if json.loads(head)["type"] == "event"]
        return found

    def records(self) -> list[tuple[dict, dict, str]]:
        """Of OpenTelemetry: attributes of the resource and of the record, and the text."""
        found = []
        for one in list(self.receiver.received):
            if one.path == "/otlp/v1/logs":
                assert one.headers["authorization"] == "Bearer collector"
                request = ExportLogsServiceRequest.FromString(one.body)
                found += [(_plain(part.resource.attributes), _plain(record.attributes), record.body.string_value)
                          for part in request.resource_logs for scope in part.scope_logs
                          for record in scope.log_records]
        return found

    def both(self, kind: str, logger: str) -> tuple[dict, dict] | None:
        """The event and the record of the first that was raised and said by that logger."""
        event = next((one for one in self.events() if (_kind(one), one["logger"]) == (kind, logger)), None)
        record = next((said for _, said, _ in self.records()
                       if (said.get("exception.type"), said["logger.name"]) == (kind, logger)), None)
        return (event, record) if event and record else None


def _plain(attributes) -> dict:
    return {one.key: one.value.string_value or one.value.int_value for one in attributes}


def _kind(event: dict) -> str:
    values = event.get("exception", {}).get("values", [])
    return values[0]["type"] if values else ""


@pytest.fixture
def outside(receiver) -> Outside:
    return Outside(receiver())


@pytest.fixture
def process(tmp_path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts a part of Hub on a data folder of its own; its database has no table."""
    started: list[subprocess.Popen] = []

    def start(*words: str, environ: dict[str, str]) -> subprocess.Popen:
        own = {"HUB_DATA": str(tmp_path / "data"), "DATABASE_URL": "", "REDIS_URL": "", "PYTHONUNBUFFERED": "1"}
        with (tmp_path / "said").open("ab") as said:
            one = subprocess.Popen([sys.executable, *words], cwd=ROOT, env={**os.environ, **own, **environ},
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, text=True)
        started.append(one)
        return one

    yield start
    for one in started:
        one.terminate()
    for one in started:
        one.wait(30)
        one.stdout.close()
    print((tmp_path / "said").read_text())


def test_a_view_that_raises(outside: Outside, process, eventually):
    web = process("-m", "hub.tests.web_process", environ=outside.environ)
    asked = urllib.request.Request(f"http://127.0.0.1:{int(web.stdout.readline())}/api/broken")
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(asked, timeout=60)
    assert answer.value.code == 500
    correlation = answer.value.headers["X-Correlation-ID"]
    event, record = eventually(lambda: outside.both("RuntimeError", "django.request"), 60)
    assert event["tags"]["correlation_id"] == record["hub.correlation_id"] == correlation
    raised = event["exception"]["values"][0]
    assert raised["value"] == record["exception.message"] == "the store at postgres://••••@db/shop is gone"
    assert any(frame["function"] == "broken" for frame in raised["stacktrace"]["frames"])
    assert all("vars" not in frame for frame in raised["stacktrace"]["frames"])
    assert event["level"] == "error" and event["release"].startswith("hub@") and event["server_name"]
    assert all(SECRET.encode() not in one.body for one in outside.receiver.received)


def test_a_job_that_raises(outside: Outside, workers, eventually):
    workers(1, environ={"DJANGO_SETTINGS_MODULE": "tasks.tests.settings", **outside.environ})
    with acting(actor="mara"):
        task = enqueue(Raise, {})
    event, record = eventually(lambda: outside.both("LookupError", "tasks.raised"), 60)
    assert event["tags"]["correlation_id"] == record["hub.correlation_id"] == str(task.correlation_id)
    assert event["logentry"]["formatted"] == "trial.raise raised LookupError."
    eventually(lambda: type(task).objects.get(pk=task.pk).state == TaskState.FAILED, 30)
    # Each was told once.
    assert len([one for one in outside.events() if _kind(one) == "LookupError"]) == 1


def test_a_step_of_watch_that_raises(outside: Outside, process, eventually):
    process("manage.py", "watch", environ=outside.environ)
    event, record = eventually(lambda: outside.both("OperationalError", "hub.watch"), 60)
    assert event["tags"]["correlation_id"] == record["hub.correlation_id"]
    assert "no such table" in record["exception.message"]
    resource, *_ = outside.records()[0]
    assert resource["service.name"] == "hub" and resource["service.instance.id"] and resource["host.name"]


def test_what_may_be_secret_is_taken_out():
    scrub = Scrubber(["the-very-key-of-hub", "short"])
    for text, left in {
        "a the-very-key-of-hub b": "a •••• b",
        "redis://:hunter2@10.0.0.1/0": "redis://••••@10.0.0.1/0",
        "Authorization: Bearer abcdefghijkl": "Authorization: Bearer ••••",
        'password="hunter2", name="shop"': 'password="••••", name="shop"',
        "{'api_key': 'hunter2', 'port': 8000}": "{'api_key': '••••', 'port': 8000}",
        "TOKEN=hunter2 ok": "TOKEN=•••• ok",
        "key hub_ab12_Qwertyuiopasdf is gone": "key •••• is gone",
        "GET /sign-in/abc/ 500": "GET /sign-in/…/ 500",
        "Hub at http://127.0.0.1:9000/projects/1/ has 3 keys: short": None,
    }.items():
        assert scrub(text) == (left or text)


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    log = logging.getLogger("hub.test.telemetry")
    yield log
    log.handlers.clear()


def _handler(logger: logging.Logger, outside: Outside) -> TelemetryHandler:
    telemetry = Telemetry(outside.environ["SENTRY_DSN"], "", {})
    made = TelemetryHandler(telemetry, {"hub": "h1", "node": "n", "version": "0"}, [])
    made.addFilter(CorrelationFilter())
    logger.addHandler(made)
    return made


def test_nobody_waits_for_a_receiver_that_hangs(outside: Outside, logger, monkeypatch, eventually, capfd):
    """More come than are kept, while the first of them is not answered."""
    answered: list[bool] = []

    def hang(_) -> tuple[int, dict, bytes]:
        while not answered:
            time.sleep(0.01)
        return 200, {}, b""

    outside.receiver.answer = hang
    made = _handler(logger, outside)
    with acting(correlation=uuid.uuid4()):
        for number in range(MOST + 20):
            logger.error("number %d", number)
    assert not answered  # all were taken from those who logged, and none is told yet
    answered.append(True)
    eventually(lambda: made._waiting.unfinished_tasks == 0, 60)
    told = [event["logentry"]["formatted"] for event in outside.events()]
    assert told[0] == "number 0" and MOST <= len(told) <= MOST + 1
    assert "errors were not told: too many came at once" in capfd.readouterr().err


def test_a_receiver_that_refuses_is_told_of_on_standard_error(outside: Outside, logger, eventually, capfd):
    outside.receiver.answer = lambda one: (403, {}, b"")
    made = _handler(logger, outside)
    logger.error("unheard")
    logger.warning("no error")
    eventually(lambda: outside.receiver.received and made._waiting.unfinished_tasks == 0, 30)
    assert "hub: an error was not told to Sentry: HTTPError: HTTP Error 403" in capfd.readouterr().err
    assert len(outside.receiver.received) == 1


def test_a_process_of_a_task_has_no_thread_afterwards(outside: Outside, logger, monkeypatch):
    monkeypatch.setenv("HUB_TASK", "1")
    made = _handler(logger, outside)
    logger.error("from a task")
    assert len(outside.events()) == 1 and made._pid == 0


@pytest.mark.parametrize(("environ", "says"), [
    ({"SENTRY_DSN": "sentry.example.org/1"}, "SENTRY_DSN is no address"),
    ({"SENTRY_DSN": "https://sentry.example.org/1"}, "SENTRY_DSN has no key"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "grpc://collector:4317"}, "OTEL_EXPORTER_OTLP_ENDPOINT is no address"),
    ({"OTEL_EXPORTER_OTLP_HEADERS": "no value"}, "OTEL_EXPORTER_OTLP_HEADERS: use name=value"),
])
def test_a_wrong_variable_stops_the_start(tmp_path: Path, environ, says):
    with pytest.raises(EnvError, match=says):
        read_env({"HUB_DATA": str(tmp_path), **environ})


def test_a_package_that_is_missing_is_named(tmp_path: Path):
    """As on a Hub that has only what requirements.txt names."""
    hide = "import sys; sys.modules['sentry_sdk'] = None; from hub.env import read_env; read_env()"
    done = subprocess.run([sys.executable, "-c", hide], cwd=ROOT, capture_output=True, text=True, check=False,
                          env={**os.environ, "HUB_DATA": str(tmp_path), "SENTRY_DSN": "https://k@sentry.example.org/1"})
    what = "SENTRY_DSN is set, but sentry-sdk is not installed: "
    assert f"{what}bin/python -m pip install -r requirements-telemetry.txt" in done.stderr


def test_without_a_variable_nothing_of_it_is_loaded():
    code = ("import sys, django; django.setup(); "
            "print([name for name in sys.modules if name.startswith(('sentry_sdk', 'hub.telemetry.handler'))])")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
                          env={**os.environ, "SENTRY_DSN": "", "OTEL_EXPORTER_OTLP_ENDPOINT": ""})
    assert done.stdout.strip() == "[]" and telemetry_handler.MOST == MOST
