"""The parameters and the shape of every list in the API."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

from ninja import Field, Schema

from events.keyset import DEFAULT_LIMIT, MAX_LIMIT, Asked, take_sorted


class PartQuery(Schema):
    """Which part of a list: `cursor` is `next_cursor` of the part before."""

    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="at most so many items")
    cursor: str = Field("", max_length=500, description="`next_cursor` of the part before; empty for the first")


class ListQuery(PartQuery):
    """The same, of a list that has an order in time."""

    order: Literal["asc", "desc"] = Field("desc", description="desc: newest first")


class ListOut(Schema):
    """What every list says beside its `items`: where the next part begins, null at the end."""

    next_cursor: str | None = Field(description="where the next part begins; null at the end")


def listed(items: Iterable[Any], query: PartQuery, *, name: str, key: Callable[[Any], list]) -> dict[str, Any]:
    """A part of a short list that is at hand, as an answer; see `events.keyset.take_sorted`. Raises BadCursor."""
    part = take_sorted(items, key, name=name, asked=Asked(query.limit, query.cursor))
    return {"items": part.items, "next_cursor": part.next_cursor}
