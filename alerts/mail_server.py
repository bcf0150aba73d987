"""The mail server of Hub's environment. No Django here: settings are made of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

TLS = ("none", "starttls", "tls")
PORTS = {"none": 25, "starttls": 587, "tls": 465}


@dataclass(frozen=True, slots=True)
class MailServer:
    """`host` is empty where there is none; `tls`: none, starttls, or tls from the first byte; `sender`: whom mail is
    from."""

    host: str
    port: int
    user: str
    password: str
    tls: str
    sender: str


def read(get: Callable[..., str]) -> MailServer:
    """From HUB_SMTP_HOST, _PORT, _USER, _PASSWORD, _TLS and HUB_MAIL_FROM. Raises ValueError with a line for people."""
    host, tls = get("HUB_SMTP_HOST"), get("HUB_SMTP_TLS", "starttls" if get("HUB_SMTP_USER") else "none")
    if host and not re.fullmatch(r"[A-Za-z0-9._:-]{1,255}", host):
        raise ValueError(f"HUB_SMTP_HOST is {host[:80]!r}: use the name or address of a mail server, without its port.")
    if tls not in TLS:
        raise ValueError(f"HUB_SMTP_TLS is {tls[:40]!r}: use {', '.join(TLS)}.")
    text = get("HUB_SMTP_PORT", str(PORTS[tls]))
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise ValueError(f"HUB_SMTP_PORT is {text[:40]!r}: use a number from 1 to 65535.")
    sender = get("HUB_MAIL_FROM", f"hub@{host if '.' in host and ':' not in host else 'localhost'}")
    if "@" not in sender or not sender.isprintable() or len(sender) > 200:
        raise ValueError(f"HUB_MAIL_FROM is {sender[:80]!r}: use an address such as hub@example.org.")
    user, password = get("HUB_SMTP_USER"), get("HUB_SMTP_PASSWORD")
    if user and tls == "none" and host not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("HUB_SMTP_USER would send its password in the clear: set HUB_SMTP_TLS to starttls or tls.")
    return MailServer(host, int(text), user, password, tls, sender)
