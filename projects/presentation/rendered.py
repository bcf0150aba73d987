"""Cards as HTML. A card is rendered once for as long as it shows the same but for its numbers and ages: with a hundred
cards that is most of a page's time."""

from __future__ import annotations

import secrets
from dataclasses import replace
from functools import lru_cache

from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from projects.presentation.card import Card

# Stand where what changes often is put in. Random, so that no name or path can hold one.
_TOKEN, _VERSION, _USAGE, _FACTS = (secrets.token_hex(8) for _ in range(4))


def card_html(card: Card, *, host: str, may_operate: bool, token: str, oob: bool = False) -> SafeString:
    """The fragment `_card.html` for somebody who asked under `host`; `token` is the CSRF token of the answer."""
    frame = replace(card, usage=_USAGE if card.usage else "", facts=_FACTS)
    text = _rendered(frame, host, may_operate, oob)
    for place, value in ((_TOKEN, token), (_VERSION, card.version), (_USAGE, card.usage), (_FACTS, card.facts)):
        text = text.replace(place, escape(value))
    return mark_safe(text)


@lru_cache(maxsize=512)
def _rendered(card: Card, host: str, may_operate: bool, oob: bool) -> str:
    return render_to_string(
        "projects/_card.html",
        {"card": card, "version": _VERSION, "host": host, "may_operate": may_operate, "oob": oob, "csrf_token": _TOKEN},
    )
