"""Where errors are told, as the environment says it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

# By variable: the module that it needs, and the package that brings it.
NEEDED = {
    "SENTRY_DSN": ("sentry_sdk", "sentry-sdk"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("opentelemetry.exporter.otlp.proto.http", "opentelemetry-exporter-otlp-proto-http"),
}


@dataclass(frozen=True, slots=True)
class Telemetry:
    """`dsn` of Sentry, `endpoint` of a collector with the `headers` it wants; each empty where there is none."""

    dsn: str
    endpoint: str
    headers: dict[str, str]

    def __bool__(self) -> bool:
        return bool(self.dsn or self.endpoint)


def read(get: Callable[[str], str]) -> Telemetry:
    """By the names that Sentry and OpenTelemetry gave these variables. Raises ValueError with what to do."""
    dsn, endpoint = get("SENTRY_DSN"), get("OTEL_EXPORTER_OTLP_ENDPOINT")
    for name, value in (("SENTRY_DSN", dsn), ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)):
        if value:
            _check(name, value)
    if dsn and not urlsplit(dsn).username:
        raise ValueError("SENTRY_DSN has no key: it looks like https://KEY@sentry.example.org/1.")
    return Telemetry(dsn, endpoint.rstrip("/"), _headers(get("OTEL_EXPORTER_OTLP_HEADERS")))


def _check(name: str, value: str) -> None:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{name} is no address that begins with http:// or https://.")
    module, package = NEEDED[name]
    if not _is_there(module):
        raise ValueError(f"{name} is set, but {package} is not installed: "
                         "bin/python -m pip install -r requirements-telemetry.txt")


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it
        return False


def _headers(text: str) -> dict[str, str]:
    """`name=value` with commas, values as in an address."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise ValueError("OTEL_EXPORTER_OTLP_HEADERS: use name=value, with commas between them.")
        found[name.strip()] = unquote(value.strip())
    return found
