"""Counting what was put right, and reading it."""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Max, Sum
from django.utils import timezone

from tasks.drift.models import Repair

DAYS = 30


def count(kind: str, number: int = 1) -> None:
    """Add to what was put right today."""
    now = timezone.now()
    today = Repair.objects.filter(day=now.date(), kind=kind)
    more = {"count": F("count") + number, "last_at": now}
    if today.update(**more):
        return
    try:
        with transaction.atomic():
            Repair.objects.create(day=now.date(), kind=kind, count=number, last_at=now)
    except IntegrityError:  # another rescuer was first today
        today.update(**more)


def counts(days: int = DAYS) -> list[dict]:
    """What was put right in the last days: `[{"kind", "label", "count", "today", "last_at"}]`, every kind once."""
    now = timezone.now()
    recent = Repair.objects.filter(day__gt=now.date() - timedelta(days=days)).order_by()
    sums = {row["kind"]: row for row in recent.values("kind").annotate(number=Sum("count"), last=Max("last_at"))}
    today = dict(recent.filter(day=now.date()).values_list("kind", "count"))
    return [
        {"kind": kind.value, "label": kind.label, "count": sums.get(kind, {}).get("number", 0),
         "today": today.get(kind, 0), "last_at": sums.get(kind, {}).get("last")}
        for kind in Repair.Kind
    ]  # fmt: skip
