"""What the API answers about alerts; `alerts.shapes` makes them."""

from __future__ import annotations

from typing import Literal

from ninja import Field, Schema

from events.api_lists import ListOut

Level = Literal["warning", "error"]


class AlertOut(Schema):
    id: int
    rule: int | None
    name: str
    target: str
    level: Level
    state: Literal["pending", "firing", "resolved", "passed"]
    value: float | None
    worst: float | None
    sentence: str
    pending_at: str
    fired_at: str | None
    resolved_at: str | None
    lasted: float | None
    why: str | None
    acknowledged_at: str | None
    acknowledged_by: str | None


class NotificationOut(Schema):
    id: str
    channel: str
    transition: str
    state: str
    tries: int
    error: str | None
    sent_at: str | None


class AlertDetail(AlertOut):
    notifications: list[NotificationOut]


class AlertList(ListOut):
    items: list[AlertOut]


class RuleOut(Schema):
    """When to alert; durations in seconds."""

    id: int
    builtin: str | None = Field(description="which of Hub's own rules it is; null for one that somebody made")
    name: str
    measure: str
    lane: str
    job: str
    window: int
    minimum: int
    compare: Literal["above", "below"]
    bound: float
    resolve_bound: float | None
    hold: int
    calm: int
    level: Level
    enabled: bool
    channels: list[int] = Field(description="ids; none means all")
    condition: str = Field(description="when it fires, in words")
    muted_until: str | None
    muted_by: str | None


class RuleList(ListOut):
    items: list[RuleOut]


class ChannelOut(Schema):
    id: int
    name: str
    kind: str
    enabled: bool
    config: dict[str, str] = Field(description="what its kind asks for; secrets are masked")
    problem: str | None
    last_sent_at: str | None


class ChannelList(ListOut):
    items: list[ChannelOut]


class MeasureOut(Schema):
    """What a rule can be about."""

    key: str
    title: str
    unit: str
    description: str
    compare: Literal["above", "below"]
    windowed: bool
    scoped: bool


class MeasureList(ListOut):
    items: list[MeasureOut]


class EvaluatorOut(Schema):
    """Whether rules are looked at: `age` of the last pass in seconds, `took` in milliseconds."""

    late: bool
    at: str | None
    age: float | None
    took: float | None
    stale_after: float


class TriedOut(Schema):
    delivered: bool
    problem: str | None
