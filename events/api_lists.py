"""The parameters and the shape of every list in the API."""

from __future__ import annotations

from typing import Literal

from ninja import Field, Schema

from events.keyset import DEFAULT_LIMIT, MAX_LIMIT


class ListQuery(Schema):
    """Which part of a list: `cursor` is `next_cursor` of the part before."""

    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
    cursor: str = Field("", max_length=500)
    order: Literal["asc", "desc"] = Field("desc", description="desc: newest first")


class ListOut(Schema):
    """What every list says beside its `items`: where the next part begins, null at the end."""

    next_cursor: str | None
