"""Single values, read from text."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from events.outgoing.networks import Allowed
from hub.env.errors import EnvError


def one_of(name: str, text: str, words: tuple[str, ...]) -> str:
    """One of some words. Raises EnvError."""
    if text not in words:
        raise EnvError(f"{name} must be one of {', '.join(words)}, not {text[:40]!r}.")
    return text


def http_address(name: str, text: str) -> str:
    """An address of HTTP, or nothing."""
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise EnvError(f"{name} must be an address such as https://metrics.example.org/api, not {text[:80]!r}.")
    return text


def number(name: str, text: str, low: int, high: int) -> int:
    """A whole number within bounds. Raises EnvError."""
    if not re.fullmatch(r"[0-9]{1,12}", text) or not low <= int(text) <= high:
        raise EnvError(f"{name} is {text!r}: use a whole number from {low} to {high}.")
    return int(text)


def flag(name: str, text: str) -> bool:
    """1 or 0, in the words that people use for it. Raises EnvError."""
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise EnvError(f"{name} is {text!r}: use 1 or 0.")


def words(text: str) -> list[str]:
    """What is written with commas or spaces between."""
    return [word for word in re.split(r"[,\s]+", text) if word]


def networks(name: str, text: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Networks, by their addresses. Raises EnvError."""
    try:
        return [ipaddress.ip_network(word) for word in words(text)]
    except ValueError as error:
        raise EnvError(f"{name}: {error}. Use networks such as 10.0.0.0/8 or 127.0.0.1/32.") from None


def allowed(name: str, text: str) -> Allowed:
    """Private networks and hosts that may be spoken to. Raises EnvError."""
    try:
        return Allowed.read(text)
    except ValueError as error:
        raise EnvError(f"{name}: {error}") from None


def origins(text: str) -> list[str]:
    """Sites, as browsers name them. Raises EnvError."""
    found = words(text)
    for word in found:
        parts = urlsplit(word)
        if parts.scheme not in ("http", "https") or word != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
            raise EnvError(f"HUB_CORS_ORIGINS: {word[:80]!r} is no origin such as https://app.example.org.")
    return found


def port_range(text: str) -> tuple[int, int]:
    """Two ports, the lower one first. Raises EnvError."""
    match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text)
    if not match or not 1024 <= int(match[1]) <= int(match[2]) <= 65535:
        raise EnvError(f"HUB_PORT_RANGE is {text!r}: use two ports from 1024 to 65535, such as 8000-8999.")
    return int(match[1]), int(match[2])
