"""Long lists in parts, by keyset: what is added or removed meanwhile neither repeats nor hides a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.db.models import QuerySet

MAX_LIMIT = 200
DEFAULT_LIMIT = 50


class BadCursor(ValueError):
    """A cursor that Hub did not give out for this list in this order."""


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
    # Not for secrecy: a cursor that somebody made up must be told from one that Hub gave out.
    signer = Signer(salt=f"cursor:{rows.model._meta.label_lower}:{'asc' if ascending else 'desc'}")
    if cursor:
        try:
            last = rows.model._meta.pk.to_python(signer.unsign_object(cursor))
        except (BadSignature, ValidationError, ValueError):
            raise BadCursor("The cursor is not one that this list gave out.") from None
        rows = rows.filter(**{"pk__gt" if ascending else "pk__lt": last})
    # One row more than asked for tells whether there is another part.
    found = list(rows.order_by("pk" if ascending else "-pk")[: limit + 1])
    items = found[:limit]
    if len(found) <= limit:
        return Part(items, None)
    key = items[-1].pk
    return Part(items, signer.sign_object(key if isinstance(key, int) else str(key)))
