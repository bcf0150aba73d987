"""Metrics in pages."""

from __future__ import annotations

from django import template

from retrospectives.metrics import EVERY

register = template.Library()


@register.filter
def label(key: str) -> str:
    """The name of a metric by its key; the key itself for one that Hub no longer has."""
    return EVERY[key].label if key in EVERY else key
