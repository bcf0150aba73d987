"""What pages may load and run: the Content-Security-Policy, in which nothing inline is allowed."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from django.apps import apps

POLICY = (
    "default-src 'self'; script-src {scripts}; style-src {styles}; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
UI_POLICY = POLICY.format(scripts="'self'", styles="'self'")
RQ = "/rq/"
_INLINE = re.compile(r"<(script|style)\b[^>]*>(.*?)</\1>", re.DOTALL)


def policy_for(path: str) -> str:
    """The policy of the page at an address."""
    return _rq_policy() if path.startswith(RQ) else UI_POLICY


@cache
def _rq_policy() -> str:
    """That of RQ's own pages, which bring scripts and styles inline: those that stand in the package's templates are
    allowed, each by its hash, and no others."""
    found: dict[str, set[str]] = {"script": set(), "style": set()}
    for page in _rq_templates():
        for kind, text in _INLINE.findall(page.read_text()):
            if text.strip():
                found[kind].add(_hashed(text))
    return POLICY.format(scripts=_sources(found["script"]), styles=_sources(found["style"]))


def _rq_templates() -> Iterable[Path]:
    return sorted((Path(apps.get_app_config("django_rq").path) / "templates").rglob("*.html"))


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _sources(hashes: Iterable[str]) -> str:
    return " ".join(["'self'", *sorted(hashes)])
