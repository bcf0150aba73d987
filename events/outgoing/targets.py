"""Where somebody who typed an address would have Hub send: looked at before anything is sent."""

from __future__ import annotations

import re
import socket
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

from events.outgoing.networks import Address, Allowed, plain, reserved_for

LONGEST = 2000
PORTS = {"http": 80, "https": 443}
# What an address consists of: everything else stands in it percent-encoded, or in punycode.
TYPED = re.compile(r"[!-~]+")
# So many of a host's addresses are tried.
MOST_ADDRESSES = 4


class TargetRefused(ValueError):
    """Hub does not send there, now or later. The message says why, without what may be secret in the address."""


class TargetFailed(ConnectionError):
    """It was tried and did not work; it may work later. The message says what happened, without what may be secret."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be sent to. `addresses` were looked at, and only these are to be connected to: the name may
    stand for others a moment later."""

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]

    @property
    def shown(self) -> str:
        """Without path and query, which often are the secret of a webhook."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{'' if self.port == PORTS[self.scheme] else f':{self.port}'}"


def find(url: str, allowed: Allowed, timeout: float = 10.0) -> Target:
    """Where an address leads. Every address of its host must be public or allowed, however it is written. Raises
    TargetRefused, and TargetFailed when the host cannot be found within `timeout` seconds."""
    target = read(url)
    addresses = [plain(text) for text in _looked_up(target, timeout)]
    for address in addresses:
        _check(target, address, allowed)
    return Target(target.scheme, target.host, target.port, target.path,
                  tuple(str(address) for address in dict.fromkeys(addresses))[:MOST_ADDRESSES])


def read(url: str) -> Target:
    """What an address says by itself, its host not yet looked up. Raises TargetRefused."""
    if len(url) > LONGEST:
        raise TargetRefused(f"The address has {len(url)} characters: use at most {LONGEST}.")
    if not TYPED.fullmatch(url):
        raise TargetRefused("The address has a space or a letter that must be percent-encoded."
                            if url else "The address is empty: use such as https://example.org/hook.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise TargetRefused("The address is not understood: use such as https://example.org/hook.") from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise TargetRefused("The address must begin with https:// or http:// and name a host.")
    if parts.username is not None or parts.password is not None:
        raise TargetRefused("The address holds a user or password: leave them out.")
    if port == 0:
        raise TargetRefused("The address names port 0: use 1 to 65535.")
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    return Target(parts.scheme, parts.hostname.rstrip("."), port or PORTS[parts.scheme], path, ())


def _check(target: Target, address: Address, allowed: Allowed) -> None:
    reserved = reserved_for(address)
    if reserved and not allowed.covers(target.host, address):
        named = "" if target.host == str(address) else f" is {address}, which"
        raise TargetRefused(f"{target.shown} is not sent to: {target.host}{named} stands for {reserved}. An "
                            "administrator may allow it in HUB_OUTGOING_ALLOW.")


def _looked_up(target: Target, timeout: float) -> list[str]:
    """By the system, which has no limit of its own for it."""
    found: list[str] = []
    problem: list[str] = []

    def look() -> None:
        try:
            found.extend(str(one[4][0]) for one in socket.getaddrinfo(target.host, target.port,
                                                                      type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            problem.append(getattr(error, "strerror", None) or "its name is not one")

    thread = threading.Thread(target=look, name="look up", daemon=True)
    thread.start()
    thread.join(timeout)
    if found:
        return list(found)
    why = problem[0] if problem else f"no answer in {timeout:.0f} s"
    raise TargetFailed(f"{target.shown} cannot be found: {target.host} has no address ({why}).")
