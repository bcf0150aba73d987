"""Small pieces of every page: icons and times."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from events import words

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon of the sprite; it says nothing to a screen reader, the words beside it do."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="#i-{}"/></svg>', name)


@register.filter
def span(length: timedelta | float | None) -> str:
    """A length of time: `1 min 52 s`; empty for None."""
    if length is None:
        return ""
    return words.span(length.total_seconds() if isinstance(length, timedelta) else length)


@register.filter
def since(moment: str | None) -> str:
    """The time from an ISO 8601 moment until now: `1 min 52 s`; empty for None."""
    return "" if not moment else words.span((timezone.now() - datetime.fromisoformat(moment)).total_seconds())


@register.filter
def ago(moment: datetime | None) -> str:
    """How long ago it was: `6 min ago`."""
    return words.ago(moment)


@register.filter
def clock(moment: datetime | None) -> SafeString | str:
    """The time of day in UTC, with the day when it is not today: `10:41:25`, `3 Mar 10:41:25`; the rest on hover."""
    if moment is None:
        return ""
    today = moment.date() == timezone.now().date()
    shown = f"{moment:%H:%M:%S}" if today else f"{moment.day} {moment:%b %H:%M:%S}"
    exact = f"{moment:%Y-%m-%d %H:%M:%S.%f} UTC"
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact, shown)


@register.filter
def cut_off(text: str, most: int = 20_000) -> str:
    """The beginning of a text that is too long for a page, and how much is left out."""
    return text if len(text) <= most else f"{text[:most]}…\n({len(text) - most:,} characters more: the API has them)"
