"""How NATS is reached, as the environment says. No Django here: settings are made of it."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

SCHEMES = ("nats", "tls")
# Everything (`>`) is no pattern of an allow-list.
PATTERN = re.compile(r"(?:[A-Za-z0-9_-]+|\*)(?:\.(?:[A-Za-z0-9_-]+|\*))*(?:\.>)?")


@dataclass(frozen=True, slots=True)
class NatsConfig:
    """`servers` of one cluster, with or without user and password in them; `ca`: the file of the certificates by which
    their own are judged; `consume`: the patterns of what is taken over, none by default."""

    servers: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    ca: str = ""
    consume: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The servers without anything secret."""
        return ", ".join(f"{url.scheme}://{url.netloc.rpartition('@')[2]}" for url in map(urlsplit, self.servers))

    @property
    def tls(self) -> ssl.SSLContext | None:
        """What TLS needs; None where it is not asked for."""
        if not self.ca and not any(server.startswith("tls:") for server in self.servers):
            return None
        return ssl.create_default_context(cafile=self.ca or None)


def read(get: Callable[[str], str]) -> NatsConfig | None:
    """From NATS_URL, NATS_USER, NATS_PASSWORD, NATS_TOKEN, NATS_CA and NATS_CONSUME; None without the first. Raises
    ValueError with a line for people."""
    text = get("NATS_URL")
    if not text:
        return None
    servers = tuple(re.split(r"[,\s]+", text))
    for server in servers:
        if not _is_address(server):
            # Not the address itself: it may hold a password.
            raise ValueError("NATS_URL is not understood: use nats://host:4222 or tls://host:4222 (or several).")
    ca = get("NATS_CA")
    if ca:
        if not Path(ca).is_file():
            raise ValueError(f"NATS_CA is {ca!r}: use the path of a file with certificates.")
        try:
            ssl.create_default_context(cafile=ca)
        except (ssl.SSLError, OSError) as error:
            raise ValueError(f"NATS_CA: {ca} cannot be read as certificates: {error}.") from None
    if get("NATS_PASSWORD") and not get("NATS_USER"):
        raise ValueError("NATS_PASSWORD is set, NATS_USER is not: set both.")
    if get("NATS_USER") and get("NATS_TOKEN"):
        raise ValueError("NATS_USER and NATS_TOKEN are set: a server asks for one of them.")
    consume = tuple(word for word in re.split(r"[,\s]+", get("NATS_CONSUME")) if word)
    for pattern in consume:
        if not PATTERN.fullmatch(pattern):
            raise ValueError(f"NATS_CONSUME: {pattern!r} is no subject: use such as ci.> or deploy.*.done.")
    return NatsConfig(servers, get("NATS_USER"), get("NATS_PASSWORD"), get("NATS_TOKEN"), ca, consume)


def _is_address(text: str) -> bool:
    try:
        url = urlsplit(text)
        return url.scheme in SCHEMES and bool(url.hostname) and url.port != 0 and url.path in ("", "/")
    except ValueError:
        return False
