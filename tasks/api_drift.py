"""REST: where database and queue disagree."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Field, Router, Schema

from accounts.api_auth import allow
from accounts.models import Role
from events.actions import record
from tasks.drift import comparison
from tasks.drift.counts import counts
from tasks.drift.views import PATIENCE

router = Router(tags=["Tasks"], auth=allow(Role.ADMIN))


class FindingOut(Schema):
    """`kind`: lost (waits, but is in no queue), dead (runs, but nobody works on it) or stray (in a queue, but does not
    wait)."""

    kind: str
    id: str
    title: str
    detail: str


class RepairedOut(Schema):
    kind: str
    label: str
    count: int = Field(description="in the last 30 days")
    today: int
    last_at: datetime | None


class DriftOut(Schema):
    """`number` of findings in all, of which 200 of each kind are listed."""

    findings: list[FindingOut]
    number: int
    queue_away: bool
    repaired: list[RepairedOut]


class RepairOut(Schema):
    done: list[str] = Field(description="a sentence for each repair")


@router.get("", response=DriftOut, summary="Compare database and queue")
def show_drift(request: HttpRequest):
    """What is seen once may be a moment between two steps of somebody alive."""
    return comparison.as_dict(comparison.compare(), counts())


@router.post("/repair", response=RepairOut, summary="Put right what lasts")
def repair_drift(request: HttpRequest):
    """As `watch` does every two seconds; takes five seconds at most."""
    record("audit.drift-repaired")
    return {"done": comparison.repair(PATIENCE)}
