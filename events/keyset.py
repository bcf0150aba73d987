"""Long lists in parts, by keyset: what is added or removed meanwhile neither repeats nor hides a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.db.models import Model, QuerySet

NOT_OURS = "The cursor is not one that this list gave out."
MAX_LIMIT = 200
DEFAULT_LIMIT = 50


ORDERS = ("asc", "desc")


class BadPart(ValueError):
    """A part of a list that cannot be shown; the message says why, for people."""


class BadCursor(BadPart):
    """A cursor that Hub did not give out for this list in this order."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of a list an address asks for. `order` is asc, desc, or empty for the list's own."""

    limit: int = DEFAULT_LIMIT
    cursor: str = ""
    order: str = ""

    @classmethod
    def read(cls, query: Mapping[str, str], limit: int = DEFAULT_LIMIT) -> Asked:
        """From `?limit=&cursor=&order=`; `limit` is for an address without one. Raises BadPart."""
        text, order = query.get("limit", "").strip(), query.get("order", "").strip()
        if text and not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= MAX_LIMIT):
            raise BadPart(f"The limit is a number from 1 to {MAX_LIMIT}, not {text[:40]!r}.")
        if order not in ("", *ORDERS):
            raise BadPart(f"The order is {' or '.join(ORDERS)}, not {order[:40]!r}.")
        return cls(int(text) if text else limit, query.get("cursor", ""), order)

    def given(self, limit: int = DEFAULT_LIMIT) -> dict[str, str]:
        """What the addresses of the other parts have to repeat."""
        repeated = {"limit": str(self.limit) if self.limit != limit else "", "order": self.order}
        return {name: value for name, value in repeated.items() if value}


@dataclass(frozen=True, slots=True)
class Part:
    """`items` in the order asked for; `next_cursor` where the next part begins, None at the end."""

    items: list[Any]
    next_cursor: str | None


def take(rows: QuerySet, *, limit: int = DEFAULT_LIMIT, cursor: str = "", ascending: bool = False) -> Part:
    """At most `limit` rows, from `cursor` on (empty: from the beginning); newest first unless `ascending`.

    The primary key is the order, so it has to grow with time. A cursor is signed: it serves one model and one order.
    Raises BadCursor for any other.
    """
    last = last_of(rows.model, cursor, ascending)
    if last is not None:
        rows = rows.filter(**{"pk__gt" if ascending else "pk__lt": last})
    # One row more than asked for tells whether there is another part.
    return cut(rows.model, list(rows.order_by("pk" if ascending else "-pk")[: limit + 1]), limit, ascending)


def last_of(model: type[Model], cursor: str, ascending: bool) -> Any:
    """The primary key of the last row before the part that a cursor names, None without a cursor. Raises BadCursor."""
    if not cursor:
        return None
    try:
        return model._meta.pk.to_python(_read(cursor, _name(model, ascending)))
    except ValidationError:
        raise BadCursor(NOT_OURS) from None


def cut(model: type[Model], found: list[Any], limit: int, ascending: bool) -> Part:
    """The part that begins with these rows, of which there is one more than `limit` where another part follows."""
    items = found[:limit]
    if len(found) <= limit:
        return Part(items, None)
    key = items[-1].pk
    return Part(items, _cursor(key if isinstance(key, int) else str(key), _name(model, ascending)))


def take_sorted(items: Iterable[Any], key: Callable[[Any], list], *, name: str, asked: Asked,
                descending: bool = False) -> Part:
    """The same for things at hand, whose order may change meanwhile: by `key`, a list of JSON that is different for
    each. `name` is that of the list and its order. Raises BadCursor."""
    ordered = sorted(items, key=key, reverse=descending)
    if asked.cursor:
        last = _read(asked.cursor, name)
        ordered = [item for item in ordered if (key(item) < last if descending else key(item) > last)]
    found = ordered[: asked.limit]
    return Part(found, _cursor(key(found[-1]), name) if len(ordered) > len(found) else None)


def _name(model: type[Model], ascending: bool) -> str:
    return f"{model._meta.label_lower}:{'asc' if ascending else 'desc'}"


def _cursor(key: Any, name: str) -> str:
    # Not for secrecy: a cursor that somebody made up must be told from one that Hub gave out.
    return Signer(salt=f"cursor:{name}").sign_object(key)


def _read(cursor: str, name: str) -> Any:
    try:
        return Signer(salt=f"cursor:{name}").unsign_object(cursor)
    except (BadSignature, ValueError):
        raise BadCursor(NOT_OURS) from None
