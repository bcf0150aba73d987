"""What is typed on the pages of rules and channels, as the use cases take it."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict

from alerts.channels.registry import KINDS
from alerts.errors import AlertError
from alerts.models import Rule
from alerts.registry import measure
from alerts.sentences import length, spoken, typed
from events.charts.units import number

LENGTHS = ("window", "hold", "calm")
EMPTY = {"window": "10 min", "hold": "0 s", "calm": "30 s", "minimum": "0", "compare": "above", "level": "warning",
         "enabled": "on"}


def rule_texts(rule: Rule) -> dict[str, Any]:
    """What stands in the form of a rule that there is."""
    texts: dict[str, Any] = {name: getattr(rule, name) for name in ("name", "measure", "lane", "job", "minimum",
                                                                    "compare", "level")}
    texts |= {name: spoken(getattr(rule, name)) for name in LENGTHS}
    texts |= {name: _typed_again(rule.measure, getattr(rule, name)) for name in ("bound", "resolve_bound")}
    return texts | {"enabled": "on" if rule.enabled else "",
                    "channels": [str(one.pk) for one in rule.channels.all()]}


def read_rule(post: QueryDict, measure_key: str = "") -> dict[str, Any]:
    """The fields of a rule from a form. Raises AlertError."""
    given: dict[str, Any] = {name: post.get(name, "").strip() for name in ("name", "measure", "lane", "job", "compare",
                                                                           "level")}
    key = given["measure"] = measure_key or given["measure"]
    if measure(key) is None:
        raise AlertError("Choose what is measured.", "measure")
    for name in LENGTHS:
        given[name] = length(post.get(name, "").strip() or EMPTY[name], name)
    given["bound"] = typed(key, post.get("bound", ""), "bound")
    text = post.get("resolve_bound", "").strip()
    given["resolve_bound"] = typed(key, text, "resolve_bound") if text else None
    text = post.get("minimum", "").strip() or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise AlertError("Give a whole number.", "minimum")
    given["minimum"] = int(text)
    given["enabled"] = post.get("enabled") == "on"
    ids = post.getlist("channels")
    given["channels"] = [int(one) for one in ids if one.isascii() and one.isdigit() and len(one) < 18]
    return given


def read_config(post: QueryDict, kind: str) -> dict[str, str]:
    """What a kind of channels asks for, from a form whose fields are named `config-<name>`."""
    found = KINDS.get(kind)
    return {} if found is None else {field.name: post.get(f"config-{field.name}", "") for field in found.fields}


def _typed_again(key: str, value: float | None) -> str:
    """A value as `typed` reads it."""
    if value is None:
        return ""
    found = measure(key)
    if found and found.unit_name == "bytes" and value >= 1024**2:
        return f"{number(value / 1024**2).replace(',', '')} MB"
    if found and found.unit_name == "seconds" and value == int(value) and value >= 60:
        return spoken(int(value))
    return f"{value:g}"


