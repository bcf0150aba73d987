"""Requests that come through a proxy: who asked, and whether by TLS, is what the proxy says, if it is one of ours."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from hub.middleware import Middleware

FORWARDED_FOR, FORWARDED_PROTO = "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO"

Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]


class ProxyMiddleware(Middleware):
    """Behind the proxies of HUB_TRUSTED_PROXIES the address of a request is the last one in `X-Forwarded-For` that no
    proxy of ours has. From anybody else the headers count for nothing: a client could write into them what it likes."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        told = request.META.pop(FORWARDED_FOR, "")
        if not is_proxy(request.META.get("REMOTE_ADDR") or "", settings.HUB_TRUSTED_PROXIES):
            request.META.pop(FORWARDED_PROTO, None)
        elif told:
            request.META["REMOTE_ADDR"] = client(told, request.META["REMOTE_ADDR"], settings.HUB_TRUSTED_PROXIES)
        return self.get_response(request)


def is_proxy(address: str, networks: Networks) -> bool:
    """Whether an address is one of our proxies."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in networks)


def client(told: str, nearest: str, networks: Networks) -> str:
    """Who asked: read from the end, where our own proxies have written, up to the first that is none of them. What is
    no address ends the reading: the last one before it is all that is known."""
    found = nearest
    for text in reversed(told.split(",")):
        try:
            found = str(ipaddress.ip_address(text.strip()))
        except ValueError:
            break
        if not is_proxy(found, networks):
            break
    return found
