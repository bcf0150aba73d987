"""REST: alerts, their rules and channels."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema, Status
from pydantic import ConfigDict

from accounts.api_auth import allow
from accounts.models import Role
from alerts import actions, channel_actions
from alerts.api_shapes import (
    AlertDetail,
    AlertList,
    AlertOut,
    ChannelList,
    ChannelOut,
    EvaluatorOut,
    MeasureList,
    RuleList,
    RuleOut,
    TriedOut,
)
from alerts.errors import Undelivered
from alerts.evaluator import pulse
from alerts.models import Alert, Channel, Rule
from alerts.registry import measures
from alerts.shapes import alert_dict, channel_dict, measure_dict, notification_dict, pulse_dict, rule_dict
from events.api_lists import ListQuery, PartQuery, listed
from events.keyset import take

router = Router(tags=["Alerts"])


class AlertQuery(ListQuery):
    state: Literal["", "pending", "firing", "resolved", "passed", "open"] = ""
    rule: int | None = None


class RuleFields(Schema):
    model_config = ConfigDict(extra="forbid")

    lane: str = Field("", max_length=32)
    job: str = Field("", max_length=100)
    window: int = Field(600, strict=True)
    minimum: int = Field(0, strict=True)
    compare: Literal["above", "below"] | None = None
    resolve_bound: float | None = None
    hold: int = Field(0, strict=True, description="seconds that it must be broken before it fires")
    calm: int = Field(30, strict=True, description="seconds that it must be well before it is resolved")
    level: Literal["warning", "error"] = "warning"
    enabled: bool = Field(True, strict=True)
    channels: list[int] = Field([], description="ids; none means all")


class RuleIn(RuleFields):
    name: str = Field(max_length=100)
    measure: str = Field(max_length=64)
    bound: float


class RulePatch(RuleFields):
    name: str | None = Field(None, max_length=100)
    measure: str | None = Field(None, max_length=64)
    bound: float | None = None


class MuteIn(Schema):
    model_config = ConfigDict(extra="forbid")

    until: datetime


class ChannelIn(Schema):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=100)
    kind: str = Field(max_length=16)
    config: dict[str, str]
    enabled: bool = Field(True, strict=True)


class ChannelPatch(Schema):
    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, max_length=100)
    config: dict[str, str] | None = None
    enabled: bool | None = Field(None, strict=True)


@router.get("", response=AlertList, summary="List alerts")
def list_alerts(request: HttpRequest, query: Query[AlertQuery]):
    """Newest first; `state=open` are those that are pending or fire."""
    found = Alert.objects.all()
    if query.state:
        found = found.filter(state__in=("pending", "firing") if query.state == "open" else (query.state,))
    if query.rule is not None:
        found = found.filter(rule=query.rule)
    part = take(found, limit=query.limit, cursor=query.cursor, ascending=query.order == "asc")
    return {"next_cursor": part.next_cursor, "items": [alert_dict(one) for one in part.items]}


@router.get("/evaluator", response=EvaluatorOut, summary="Whether rules are looked at")
def show_evaluator(request: HttpRequest):
    return pulse_dict(pulse())


@router.get("/measures", response=MeasureList, summary="What a rule can be about")
def list_measures(request: HttpRequest, query: Query[PartQuery]):
    found = [measure_dict(one) for one in measures()]
    return listed(found, query, name="measures", key=lambda one: [one["key"]])


@router.get("/rules", response=RuleList, summary="List rules")
def list_rules(request: HttpRequest, query: Query[ListQuery]):
    part = take(Rule.objects.prefetch_related("channels"), limit=query.limit, cursor=query.cursor,
                ascending=query.order == "asc")
    return {"items": [rule_dict(one) for one in part.items], "next_cursor": part.next_cursor}


@router.post("/rules", response={201: RuleOut}, auth=allow(Role.OPERATOR), summary="Make a rule")
def create_rule(request: HttpRequest, body: RuleIn):
    return Status(201, rule_dict(actions.create_rule(_given(body))))


@router.get("/rules/{int:rule_id}", response=RuleOut, summary="Show a rule")
def show_rule(request: HttpRequest, rule_id: int):
    return rule_dict(_one(Rule.objects.all(), rule_id, "rule"))


@router.patch("/rules/{int:rule_id}", response=RuleOut, auth=allow(Role.OPERATOR), summary="Change a rule")
def change_rule(request: HttpRequest, rule_id: int, body: RulePatch):
    return rule_dict(actions.change_rule(_one(Rule.objects.all(), rule_id, "rule"), _given(body)))


@router.delete("/rules/{int:rule_id}", response={204: None}, auth=allow(Role.OPERATOR), summary="Delete a rule")
def delete_rule(request: HttpRequest, rule_id: int):
    actions.remove_rule(_one(Rule.objects.all(), rule_id, "rule"))
    return Status(204, None)


@router.post("/rules/{int:rule_id}/mute", response=RuleOut, auth=allow(Role.OPERATOR), summary="Mute a rule")
def mute_rule(request: HttpRequest, rule_id: int, body: MuteIn):
    rule = _one(Rule.objects.all(), rule_id, "rule")
    until = body.until if body.until.tzinfo else body.until.replace(tzinfo=timezone.get_default_timezone())
    actions.mute(rule, until)
    return rule_dict(rule)


@router.post("/rules/{int:rule_id}/unmute", response=RuleOut, auth=allow(Role.OPERATOR),
             summary="End the mute of a rule")
def unmute_rule(request: HttpRequest, rule_id: int):
    rule = _one(Rule.objects.all(), rule_id, "rule")
    actions.unmute(rule)
    return rule_dict(rule)


@router.get("/channels", response=ChannelList, summary="List channels")
def list_channels(request: HttpRequest, query: Query[ListQuery]):
    part = take(Channel.objects.all(), limit=query.limit, cursor=query.cursor, ascending=query.order == "asc")
    return {"items": [channel_dict(one) for one in part.items], "next_cursor": part.next_cursor}


@router.post("/channels", response={201: ChannelOut}, auth=allow(Role.ADMIN), summary="Make a channel")
def create_channel(request: HttpRequest, body: ChannelIn):
    made = channel_actions.create(body.name, body.kind, body.config, enabled=body.enabled)
    return Status(201, channel_dict(made))


@router.patch("/channels/{int:channel_id}", response=ChannelOut, auth=allow(Role.ADMIN), summary="Change a channel")
def change_channel(request: HttpRequest, channel_id: int, body: ChannelPatch):
    channel = _one(Channel.objects.all(), channel_id, "channel")
    return channel_dict(channel_actions.change(channel, **_given(body)))


@router.delete("/channels/{int:channel_id}", response={204: None}, auth=allow(Role.ADMIN), summary="Delete a channel")
def delete_channel(request: HttpRequest, channel_id: int):
    channel_actions.remove(_one(Channel.objects.all(), channel_id, "channel"))
    return Status(204, None)


@router.post("/channels/{int:channel_id}/test", response=TriedOut, auth=allow(Role.OPERATOR),
             summary="Send a message through a channel")
def try_channel(request: HttpRequest, channel_id: int):
    """Whether it was delivered, and what stood in the way."""
    try:
        channel_actions.test(_one(Channel.objects.all(), channel_id, "channel"))
    except Undelivered as error:
        return {"delivered": False, "problem": error.message}
    return {"delivered": True, "problem": None}


@router.get("/{int:alert_id}", response=AlertDetail, summary="Show an alert")
def show_alert(request: HttpRequest, alert_id: int):
    alert = _one(Alert.objects.all(), alert_id, "alert")
    return alert_dict(alert) | {
        "notifications": [notification_dict(one) for one in alert.notifications.select_related("channel")]}


@router.post("/{int:alert_id}/acknowledge", response=AlertOut, auth=allow(Role.OPERATOR),
             summary="Say that somebody looks after an alert")
def acknowledge_alert(request: HttpRequest, alert_id: int):
    alert = _one(Alert.objects.all(), alert_id, "alert")
    actions.acknowledge(alert)
    return alert_dict(alert)


def _one(rows: QuerySet, pk: int, what: str) -> Model:
    found = rows.filter(pk=pk).first() if pk < 2**63 else None
    if found is None:
        raise Http404(f"There is no {what} with this id.")
    return found


def _given(body: Schema) -> dict[str, Any]:
    given = body.dict(exclude_unset=True)
    # A bound that ends it may be taken away; nothing else can be null.
    return {name: value for name, value in given.items() if value is not None or name == "resolve_bound"}
