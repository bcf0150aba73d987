"""One pass over all rules. Called by `watch`, by one of all: it needs neither Redis nor a worker."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import Error
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now
from django.utils import timezone

from alerts import moves
from alerts.models import Alert, Look, Rule
from alerts.registry import Reading, Readings, Scope, measure
from alerts.sentences import sentence
from alerts.states import OPEN, AlertState

logger = logging.getLogger(__name__)

EVERY = 5.0
# Seconds after which an evaluator that comes by every five is taken for dead.
STALE = 30.0
# How long alerts are kept that fired, and those that did not.
KEEP, KEEP_PASSED = timedelta(days=400), timedelta(days=1)
TIDY_EVERY = 3600
# Of a measure of many things so many are looked at: a rule that all services break is one problem, not thousands.
MOST_TARGETS = 100


@dataclass(frozen=True, slots=True)
class Pulse:
    """The last pass: when it was, how many seconds ago (None: there was none), and how many milliseconds it took."""

    at: datetime | None
    age: float | None
    took: float | None

    @property
    def is_late(self) -> bool:
        """Whether nobody seems to evaluate: alerts that should fire do not."""
        return self.age is None or self.age > STALE


def pulse() -> Pulse:
    """When the evaluator was last seen, by the database's clock."""
    age = ExpressionWrapper(Now() - F("at"), output_field=DurationField())
    found = Look.objects.filter(pk=1).annotate(age=age).values_list("at", "age", "took").first()
    if found is None:
        return Pulse(None, None, None)
    return Pulse(found[0], max(0.0, found[1].total_seconds()), found[2])


def evaluate() -> list[str]:
    """Read what rules are about, move alerts; what moved, one sentence each."""
    began, now = time.perf_counter(), timezone.now()
    last = Look.objects.filter(pk=1).first()
    memory = dict(last.memory) if last else {}
    rules = list(Rule.objects.filter(enabled=True))
    opened: dict[int | None, dict[str, Alert]] = {}
    for alert in Alert.objects.filter(state__in=sorted(OPEN)).select_related("rule"):
        opened.setdefault(alert.rule_id, {})[alert.target] = alert
    said: list[str] = []
    readings: dict[str, Any] = {}
    seen: dict[tuple, Readings | None] = {}
    for rule in rules:
        mine = opened.pop(rule.pk, {})
        try:
            found = _read(rule, now, memory, seen)
        except Error:
            raise
        except Exception as error:
            logger.exception("The rule %s cannot be read.", rule.name)
            readings[str(rule.pk)] = {"": [None, f"{type(error).__name__}: {error}"[:200]]}
            continue
        if found is None:
            readings[str(rule.pk)] = {"": [None, "It cannot be known just now."]}
            continue
        shown = dict(list(found.items())[:MOST_TARGETS])
        readings[str(rule.pk)] = {target: [one.value, one.note] for target, one in shown.items()}
        for target in {**shown, **mine}:
            said += _judge(rule, target, shown.get(target), mine.get(target), now)
    # What is left is of rules that were deleted or switched off.
    for alert in (one for targets in opened.values() for one in targets.values()):
        said += end(alert, "Its rule is switched off." if alert.rule else "Its rule was deleted.", now)
    _tidy(memory, now)
    Look.objects.update_or_create(pk=1, defaults={
        "at": Now(), "took": 1000 * (time.perf_counter() - began), "node": settings.HUB_NODE, "readings": readings,
        "memory": memory})
    return said


def end(alert: Alert, why: str, now: datetime) -> list[str]:
    """End an open alert for another reason than that it is well."""
    if alert.state == AlertState.PENDING:
        moves.move(alert, AlertState.PASSED, resolved_at=now, why=why)
        return []
    done = moves.move(alert, AlertState.RESOLVED, resolved_at=now, why=why)
    return [f"{alert} is resolved: {why}"] if done else []


def _read(rule: Rule, now: datetime, memory: dict[str, Any], seen: dict[tuple, Readings | None]) -> Readings | None:
    """Each measure is read once for all rules that ask for the same."""
    found = measure(rule.measure)
    if found is None:
        raise LookupError(f"This Hub has no measure {rule.measure}.")
    key = (rule.measure, rule.window, rule.minimum, rule.lane, rule.job)
    if key not in seen:
        own = memory.setdefault(rule.measure, {})
        seen[key] = found.read(Scope(now, rule.window, rule.minimum, rule.lane, rule.job, own))
        if not own:
            del memory[rule.measure]
    return seen[key]


def _judge(rule: Rule, target: str, reading: Reading | None, alert: Alert | None, now: datetime) -> list[str]:
    is_broken = reading is not None and rule.is_broken_by(reading.value)
    if alert is None:
        if not is_broken:
            return []
        alert = moves.begin(rule, target, reading, now)
        return _fire(rule, alert, now) if alert is not None else []
    alert.rule = rule  # the row that was just read, with its mute
    if reading is not None:
        _keep(rule, alert, reading, is_broken)
    if alert.state == AlertState.PENDING:
        if is_broken:
            return _fire(rule, alert, now)
        moves.move(alert, AlertState.PASSED, resolved_at=now)
        return []
    if not alert.told:
        moves.tell(alert)  # it was muted when it fired, and is no more
    return _cool(rule, alert, reading, now)


def _fire(rule: Rule, alert: Alert, now: datetime) -> list[str]:
    if (now - alert.pending_at).total_seconds() < rule.hold:
        return []
    done = moves.move(alert, AlertState.FIRING, fired_at=now)
    return [f"{alert} fires: {alert.sentence}"] if done else []


def _cool(rule: Rule, alert: Alert, reading: Reading | None, now: datetime) -> list[str]:
    """A firing alert ends when it has been well for as long as its rule says."""
    if reading is not None and not rule.is_cleared_by(reading.value):
        if alert.clear_since is not None:
            Alert.objects.filter(pk=alert.pk, state=AlertState.FIRING).update(clear_since=None)
        return []
    since = alert.clear_since or now
    if (now - since).total_seconds() >= rule.calm:
        done = moves.move(alert, AlertState.RESOLVED, resolved_at=now, clear_since=since)
        return [f"{alert} is resolved."] if done else []
    if alert.clear_since is None:
        Alert.objects.filter(pk=alert.pk, state=AlertState.FIRING).update(clear_since=now)
    return []


def _keep(rule: Rule, alert: Alert, reading: Reading, is_broken: bool) -> None:
    """Write the value down where it changed; the sentence tells of the last time that it was bad."""
    farther = max if rule.compare == Rule.Compare.ABOVE else min
    fields: dict[str, Any] = {"value": reading.value, "worst": farther(reading.value, alert.worst)}
    if is_broken:
        fields["sentence"] = sentence(rule, alert.target, reading)
    changed = {name: value for name, value in fields.items() if getattr(alert, name) != value}
    if changed:
        Alert.objects.filter(pk=alert.pk).update(**changed)
        for name, value in changed.items():
            setattr(alert, name, value)


def _tidy(memory: dict[str, Any], now: datetime) -> None:
    """Remove what is old, every hour."""
    if now.timestamp() - memory.get("tidied", 0) < TIDY_EVERY:
        return
    memory["tidied"] = now.timestamp()
    Alert.objects.filter(state=AlertState.PASSED, pending_at__lt=now - KEEP_PASSED).delete()
    Alert.objects.filter(state=AlertState.RESOLVED, pending_at__lt=now - KEEP).delete()
