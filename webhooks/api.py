"""REST: webhooks, and what became of each time they were told something."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema, Status
from pydantic import ConfigDict

from accounts.api_auth import allow
from accounts.models import ApiKey, Role
from accounts.roles import at_least, role_of
from events.api_lists import ListOut, ListQuery
from events.keyset import take
from webhooks import actions
from webhooks.models import Delivery, Subscription
from webhooks.shapes import delivery_dict, webhook_dict

router = Router(tags=["Webhooks"])
SECRET = "whsec_ and 24 to 64 bytes in base64; one is made where none is given"


class WebhookIn(Schema):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=200)
    subject: str = Field(description="a pattern; without `hub.` at its beginning it is of this Hub")
    url: str = Field(description="https or http, and public unless HUB_OUTGOING_ALLOW names it")
    secret: str = Field("", max_length=200, description=SECRET)


class WebhookChange(Schema):
    """What is not given stays."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, max_length=200)
    subject: str | None = None
    url: str | None = None
    paused: bool | None = Field(None, strict=True, description="false also puts a disabled one to work again")
    position: int | None = Field(None, strict=True, description="send next what follows on it")


class SecretIn(Schema):
    model_config = ConfigDict(extra="forbid")

    secret: str = Field("", max_length=200, description=SECRET)


class WebhookOut(Schema):
    """`state` is on, paused or disabled, `reason` says why; `behind` counts the positions it has yet to look at."""

    id: int
    name: str
    subject: str
    url: str = Field(description="for operators; others see the host alone")
    state: str
    reason: str
    position: int
    behind: int
    failures: int = Field(description="tries in a row that failed")
    failing_since: datetime | None
    created_by: str
    created_at: datetime


class WebhookMade(WebhookOut):
    secret: str = Field(description="shown this once")


class SecretOut(Schema):
    secret: str = Field(description="shown this once")


class WebhookList(ListOut):
    items: list[WebhookOut]


class DeliveryOut(Schema):
    """One try to send one event; `status` is null where nothing was answered."""

    id: int
    event: UUID
    subject: str
    position: int | None
    at: datetime
    succeeded: bool
    replay: bool
    status: int | None
    elapsed: float
    problem: str
    answer: str


class DeliveryList(ListOut):
    items: list[DeliveryOut]


class TaskStarted(Schema):
    task_id: UUID


@router.get("", response=WebhookList, summary="List webhooks")
def list_webhooks(request: HttpRequest, query: Query[ListQuery]):
    part = take(Subscription.objects.all(), limit=query.limit, cursor=query.cursor, ascending=query.order == "asc")
    return {"items": [_dict(request, row) for row in part.items], "next_cursor": part.next_cursor}


@router.post("", response={201: WebhookMade}, auth=allow(Role.OPERATOR), summary="Make a webhook")
def create_webhook(request: HttpRequest, body: WebhookIn):
    """It is sent what happens from now on. The answer holds the secret that signs, once."""
    row, secret = actions.create(**body.dict())
    return Status(201, {**_dict(request, row), "secret": secret})


@router.get("/{int:webhook_id}", response=WebhookOut, summary="Show a webhook")
def show_webhook(request: HttpRequest, webhook_id: int):
    return _dict(request, _found(webhook_id))


@router.patch("/{int:webhook_id}", response=WebhookOut, auth=allow(Role.OPERATOR),
              summary="Change, pause or resume a webhook")
def change_webhook(request: HttpRequest, webhook_id: int, body: WebhookChange):
    row, given = _found(webhook_id), body.dict(exclude_none=True)
    paused, position = given.pop("paused", None), given.pop("position", None)
    if given:
        row = actions.change(row, **given)
    if position is not None:
        row = actions.go_on_after(row, position)
    if paused is not None:
        row = actions.pause(row) if paused else actions.resume(row)
    return _dict(request, row)


@router.post("/{int:webhook_id}/secret", response=SecretOut, auth=allow(Role.OPERATOR), summary="Change the secret")
def change_secret(request: HttpRequest, webhook_id: int, body: SecretIn):
    return {"secret": actions.change_secret(_found(webhook_id), body.secret)}


@router.delete("/{int:webhook_id}", response={204: None}, auth=allow(Role.OPERATOR), summary="Delete a webhook")
def delete_webhook(request: HttpRequest, webhook_id: int):
    actions.remove(_found(webhook_id))
    return Status(204, None)


@router.get("/{int:webhook_id}/deliveries", response=DeliveryList, summary="List what was sent")
def list_deliveries(request: HttpRequest, webhook_id: int, query: Query[ListQuery]):
    part = take(_found(webhook_id).deliveries.all(), limit=query.limit, cursor=query.cursor,
                ascending=query.order == "asc")
    return {"items": [delivery_dict(row) for row in part.items], "next_cursor": part.next_cursor}


@router.post("/{int:webhook_id}/deliveries/{int:delivery_id}/replay", response={202: TaskStarted},
             auth=allow(Role.OPERATOR), summary="Send an event once more")
def replay_delivery(request: HttpRequest, webhook_id: int, delivery_id: int):
    row = Delivery.objects.filter(subscription=_found(webhook_id), pk=_known(delivery_id)).first()
    if row is None:
        raise Http404(f"There is no delivery {delivery_id} of this webhook.")
    return Status(202, {"task_id": actions.send_again(row).pk})


def _found(key: int) -> Subscription:
    row = Subscription.objects.filter(pk=_known(key)).first()
    if row is None:
        raise Http404(f"There is no webhook {key}.")
    return row


def _known(key: int) -> int:
    """A key that a database can look for."""
    return key if key < 1 << 63 else 0


def _dict(request: HttpRequest, row: Subscription) -> dict[str, Any]:
    who = request.auth
    return webhook_dict(row, whole=at_least(who.role if isinstance(who, ApiKey) else role_of(who), Role.OPERATOR))
