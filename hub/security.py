"""What stands between Hub and those who ask from outside: proxies, other sites, and headers that browsers keep to."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_vary_headers

from hub.middleware import CORRELATION_HEADER, Middleware

# Nothing of a browser that Hub's pages ever use, except writing to the clipboard at a press.
PERMISSIONS = ", ".join(f"{name}=()" for name in (
    "accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer", "microphone", "midi",
    "payment", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking"))
# What scripts of other sites may send, and may read of an answer.
CORS_METHODS = "GET, POST, PUT, PATCH, DELETE"
CORS_SENT = "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, Prefer, X-Correlation-ID"
CORS_READ = f"{CORRELATION_HEADER}, ETag, Link, Location, Preference-Applied, RateLimit-Limit, RateLimit-Remaining, " \
            "RateLimit-Reset, Retry-After"
HOUR = "3600"


class TrustedProxyMiddleware(Middleware):
    """Takes the client's address from X-Forwarded-For, where the connection comes from a proxy of HUB_TRUSTED_PROXIES:
    limits and the audit log are about clients. What anybody else says in that header is not believed."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        networks = settings.HUB_TRUSTED_PROXIES
        if networks and (said := request.META.get("HTTP_X_FORWARDED_FOR")):
            # The last one that is no proxy of ours: what stands before it, its client may have made up.
            for address in (request.META.get("REMOTE_ADDR", ""), *reversed(said.split(","))):
                place = _address(address.strip())
                if place is None:
                    break
                request.META["REMOTE_ADDR"] = str(place)
                if not any(place in network for network in networks):
                    break
        return self.get_response(request)


class HeadersMiddleware(Middleware):
    """Headers that hold for every answer. The proxy that ends TLS speaks plain HTTP with Hub, so that Hub is told by
    a setting, not by the connection, that browsers shall come by HTTPS only."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if settings.HUB_HSTS:
            response.headers.setdefault("Strict-Transport-Security", f"max-age={settings.HUB_HSTS}")
        return response


class CorsMiddleware(Middleware):
    """Lets pages of the origins in HUB_CORS_ORIGINS use the API with a key; never with a session."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not settings.HUB_CORS_ORIGINS or not request.path.startswith("/api/"):
            return self.get_response(request)
        origin = request.headers.get("Origin", "")
        is_known = origin in settings.HUB_CORS_ORIGINS
        if is_known and request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            response: HttpResponseBase = HttpResponse(status=204, headers={
                "Access-Control-Allow-Methods": CORS_METHODS, "Access-Control-Allow-Headers": CORS_SENT,
                "Access-Control-Max-Age": HOUR})
        else:
            response = self.get_response(request)
        patch_vary_headers(response, ("Origin",))
        if is_known:
            response["Access-Control-Allow-Origin"] = origin
            response["Access-Control-Expose-Headers"] = CORS_READ
            response["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response


class CompressionMiddleware(GZipMiddleware):
    """Compresses answers that are whole, each with random bytes of a random number, so that its length does not tell
    what is in it (BREACH). What streams goes out as it comes."""

    async_capable = False

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return response if response.streaming else super().process_response(request, response)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
