"""What a row of a task holds as JSON, in the shape that all who read it may rely on, whatever was written there.

Hub writes it in this shape. Another version, an import or somebody's hand may not: such a row is still shown.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import JSONField

# Under this name stands what was no JSON object.
UNREADABLE = "(unreadable)"


class _Shaped(JSONField):
    """The database knows nothing of it: to migrations it is a JSONField."""

    def deconstruct(self) -> tuple[str, str, list, dict]:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs


class Params(_Shaped):
    """Always an object."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> dict[str, Any]:
        value = super().from_db_value(value, expression, connection)
        return value if isinstance(value, dict) else {UNREADABLE: value}


class Steps(_Shaped):
    """Always a list of steps as `tasks.steps` describes them."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> list[dict[str, Any]]:
        value = super().from_db_value(value, expression, connection)
        return [_step(each) for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _step(step: dict[str, Any]) -> dict[str, Any]:
    total = _number(step.get("total")) or 1
    return {
        **step, "key": _text(step.get("key")), "label": _text(step.get("label")),
        "done": _number(step.get("done")) or 0, "total": total if total > 0 else 1, "detail": _text(step.get("detail")),
        "started": _time(step.get("started")), "ended": _time(step.get("ended")),
        "usual": _number(step.get("usual")), "tail": _number(step.get("tail")),
    }  # fmt: skip


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _number(value: Any) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _time(value: Any) -> str | None:
    try:
        return value if datetime.fromisoformat(value).tzinfo else None
    except (TypeError, ValueError):
        return None
