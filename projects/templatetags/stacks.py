"""Small pieces of the project pages."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from events.templatetags.words import icon
from projects.presentation import words
from projects.presentation.card import Card
from projects.presentation.rendered import card_html

register = template.Library()


@register.simple_tag
def badge(look: object, plain: bool = False, word: str = "") -> SafeString:
    """A state (`state`, `icon`, `word`) of a project or service as colour, shape and word."""
    return _badge("data-state", look, plain, word)


@register.simple_tag
def task_badge(look: object, plain: bool = False) -> SafeString:
    """A state of a task as colour, shape and word."""
    return _badge("data-task", look, plain, "")


@register.simple_tag(takes_context=True)
def project_card(context: template.Context, card: Card, oob: bool = False) -> SafeString:
    """The fragment `_card.html` of a card."""
    return card_html(card, host=context["host"], may_operate=context["may_operate"], token=str(context["csrf_token"]),
                     oob=oob)


@register.filter
def size(count: int | None) -> str:
    """Bytes in binary units."""
    return words.size(count)


@register.filter
def elapsed(since: str) -> str:
    """How long ago an ISO time is, in the words in which the page's script goes on counting (`data-since`)."""
    seconds = max(0, int((timezone.now() - datetime.fromisoformat(since)).total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def _badge(attribute: str, look: object, plain: bool, word: str) -> SafeString:
    return format_html('<span class="badge{}" {}="{}">{}{}</span>', " plain" if plain else "", mark_safe(attribute),
                       look.state, icon(look.icon), word or look.word)
