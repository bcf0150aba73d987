"""Errors as log records of OpenTelemetry, by OTLP over HTTP."""

from __future__ import annotations

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import ReadWriteLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from hub.telemetry.config import Telemetry
from hub.telemetry.report import Report

PATIENCE = 3.0
SEVERITIES = {"ERROR": SeverityNumber.ERROR, "CRITICAL": SeverityNumber.FATAL}


class Otlp:
    """One record a request: errors are few, and each is to be there at once."""

    def __init__(self, telemetry: Telemetry, about: dict[str, str]):
        self._exporter = OTLPLogExporter(f"{telemetry.endpoint}/v1/logs", headers=telemetry.headers, timeout=PATIENCE)
        self._resource = Resource({"service.name": "hub", "service.version": about["version"],
                                   "service.instance.id": about["hub"], "host.name": about["node"]})
        self._scope = InstrumentationScope("hub")

    def send(self, report: Report) -> None:
        attributes = {"logger.name": report.logger, "process.pid": report.pid}
        if report.correlation:
            attributes["hub.correlation_id"] = report.correlation
        if report.kind:
            attributes |= {"exception.type": report.kind, "exception.message": report.raised,
                           "exception.stacktrace": report.stack}
        nanoseconds = int(report.time * 1e9)
        record = LogRecord(timestamp=nanoseconds, observed_timestamp=nanoseconds, severity_text=report.level,
                           severity_number=SEVERITIES.get(report.level, SeverityNumber.ERROR), body=report.message,
                           attributes=attributes)
        taken = self._exporter.export([ReadWriteLogRecord(record, self._resource, self._scope)])
        if taken != LogRecordExportResult.SUCCESS:
            raise ConnectionError("the collector did not take it")
