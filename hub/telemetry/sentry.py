"""Errors as events of Sentry, or of anything that takes its envelopes."""

from __future__ import annotations

import urllib.request
from typing import Any

import sentry_sdk
from sentry_sdk.consts import EndpointType
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from hub.telemetry.config import Telemetry
from hub.telemetry.report import Report

PATIENCE = 3.0


class Plain(Transport):
    """Sends at once, in the thread that asks: the SDK's own would start one in each process, also in those of tasks."""

    def capture_envelope(self, envelope: Envelope) -> None:
        auth = self.parsed_dsn.to_auth(f"sentry.python/{sentry_sdk.VERSION}")
        request = urllib.request.Request(
            auth.get_api_url(EndpointType.ENVELOPE), envelope.serialize(), method="POST",
            headers={"Content-Type": "application/x-sentry-envelope", "X-Sentry-Auth": auth.to_header()})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            answer.read()


class Sentry:
    """Without the SDK's integrations: only what Hub says itself leaves it."""

    def __init__(self, telemetry: Telemetry, about: dict[str, str]):
        self._about = about
        self._client = sentry_sdk.Client(
            dsn=telemetry.dsn, transport=Plain, default_integrations=False, auto_enabling_integrations=False,
            include_local_variables=False, max_breadcrumbs=0, auto_session_tracking=False,
            release=f"hub@{about['version']}", server_name=about["node"], send_client_reports=False)

    def send(self, report: Report) -> None:
        self._client.capture_event(self._event(report))

    def _event(self, report: Report) -> dict[str, Any]:
        event: dict[str, Any] = {
            "timestamp": report.time, "level": report.level.lower(), "logger": report.logger, "platform": "python",
            "logentry": {"formatted": report.message},
            "tags": {"hub": self._about["hub"], "pid": str(report.pid)},
        }
        if report.correlation:
            event["tags"]["correlation_id"] = report.correlation
        if report.kind:
            event["exception"] = {"values": [{
                "type": report.kind, "value": report.raised, "mechanism": {"type": "logging", "handled": True},
                "stacktrace": {"frames": [
                    {"filename": one.file, "lineno": one.line, "function": one.function, "context_line": one.code}
                    for one in report.frames]}}]}
        return event
