"""What an action changed, as a fact says it: each thing that is different, before and after, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from events.secrets import MASK, is_secret, without_credentials


def differences(before: Mapping[str, Any], after: Mapping[str, Any],
                hidden: frozenset[str] = frozenset()) -> dict[str, Any]:
    """`{"before": {...}, "after": {...}}`, of what differs; what is not there on one side is left out there. Masked is
    what by its name is a secret, and of the things named in `hidden` each value."""
    names = [name for name in {**before, **after} if name not in before or name not in after
             or before[name] != after[name]]
    return {side: {name: _inside(values[name], others.get(name)) if name in hidden else masked(values[name], name)
                   for name in names if name in values}
            for side, values, others in (("before", before, after), ("after", after, before))}


def masked(value: Any, name: str = "") -> Any:
    """A value of JSON with a mask in place of each secret in it."""
    if is_secret(name) and value not in (None, "", [], {}):
        return MASK
    if isinstance(value, Mapping):
        return {key: masked(each, str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [masked(each) for each in value]
    return without_credentials(value) if isinstance(value, str) else value


def _inside(values: Mapping[str, Any], others: Mapping[str, Any] | None) -> dict[str, str]:
    """The names of what differs: whoever reads the audit log need not be allowed to read the values."""
    others = others or {}
    return {name: MASK for name, value in values.items() if name not in others or others[name] != value}
