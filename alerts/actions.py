"""What can be done with rules and alerts: the use cases behind page, API, admin and commands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from alerts.errors import AlertError, NotNow
from alerts.evaluator import end
from alerts.models import Alert, Channel, Level, Rule
from alerts.registry import measure, measures
from alerts.states import OPEN, AlertState
from events.actions import record
from events.changes import differences
from events.context import current
from tasks.lanes import LANES

DAY = 86400
# The longest that a rule may look back, hold and calm, in seconds, and that it may be muted.
LONGEST = {"window": 30 * DAY, "hold": DAY, "calm": DAY}
LONGEST_MUTE = timedelta(days=90)
MOST_SAMPLES = 1_000_000
WRITTEN = ("name", "measure", "lane", "job", "window", "minimum", "compare", "bound", "resolve_bound", "hold", "calm",
           "level", "enabled")


def create_rule(given: Mapping[str, Any]) -> Rule:
    """A new rule; `given` by the names of its fields, `channels` as ids. Raises AlertError."""
    missing = next((name for name in ("name", "measure", "bound") if given.get(name) in (None, "")), None)
    if missing:
        raise AlertError(f"Give its {missing}.", missing)
    found = measure(given["measure"])
    rule = Rule(created_by=current().actor, compare=found.compare if found else "above")
    return _write(rule, given, "rule-created")


def change_rule(rule: Rule, given: Mapping[str, Any]) -> Rule:
    """Change what is given. Raises AlertError."""
    if rule.builtin and given.get("measure", rule.measure) != rule.measure:
        raise AlertError("This rule is one of Hub's own: it keeps its measure. Make another rule.", "measure")
    return _write(rule, given, "rule-changed")


def remove_rule(rule: Rule) -> None:
    """Delete a rule and end what it raised; its history stays. Raises AlertError for one of Hub's own."""
    if rule.builtin:
        raise NotNow("This rule is one of Hub's own: switch it off instead.")
    with transaction.atomic():
        for alert in Alert.objects.filter(rule=rule, state__in=sorted(OPEN)):
            end(alert, "Its rule was deleted.", timezone.now())
        record("alert.rule-deleted", {"rule": rule.pk, "name": rule.name, "before": rule_values(rule)})
        rule.delete()


def rule_values(rule: Rule) -> dict[str, Any]:
    """What a rule says, as JSON."""
    return {name: getattr(rule, name) for name in WRITTEN} | {
        "channels": sorted(one.pk for one in rule.channels.all()) if rule.pk else []}


def _write(rule: Rule, given: Mapping[str, Any], done: str) -> Rule:
    unknown = sorted(set(given) - {*WRITTEN, "channels"})
    if unknown:
        raise AlertError(f"A rule has no {unknown[0][:40]!r}.", unknown[0][:40])
    before = rule_values(rule) if rule.pk else {}
    for name in WRITTEN:
        if name in given:
            setattr(rule, name, given[name])
    _check(rule)
    channels = None if given.get("channels") is None else _channels(given["channels"])
    try:
        with transaction.atomic():
            rule.save()
            if channels is not None:
                rule.channels.set(channels)
            told = differences(before, rule_values(rule))
            if told["after"] or told["before"]:
                record(f"alert.{done}", {"rule": rule.pk, "name": rule.name, **told})
    except IntegrityError:
        raise AlertError(f"There is a rule named {rule.name!r} already.", "name") from None
    return rule


def _channels(ids: Any) -> list[Channel]:
    found = {one.pk: one for one in Channel.objects.filter(pk__in=ids)}
    missing = next((one for one in ids if one not in found), None)
    if missing is not None:
        raise AlertError(f"There is no channel {missing}.", "channels")
    return list(found.values())


def _check(rule: Rule) -> None:
    rule.name = rule.name.strip()
    if not 1 <= len(rule.name) <= 100 or not rule.name.isprintable():
        raise AlertError("A name has 1 to 100 letters.", "name")
    found = measure(rule.measure)
    if found is None:
        raise AlertError(f"There is no measure {rule.measure[:60]!r}: use "
                         f"{', '.join(one.key for one in measures())}.", "measure")
    for name in ("bound", "resolve_bound"):
        value = getattr(rule, name)
        if value is not None and not math.isfinite(value):
            raise AlertError("Give a number.", name)
    if rule.compare not in Rule.Compare.values:
        raise AlertError("Compare with above or below.", "compare")
    if rule.level not in Level.values:
        raise AlertError(f"The level is {' or '.join(Level.values)}.", "level")
    if rule.resolve_bound is not None and rule.resolve_bound != rule.bound \
            and rule.is_broken_by(rule.resolve_bound):  # fmt: skip
        side = "above" if rule.compare == Rule.Compare.ABOVE else "below"
        raise AlertError(f"It would end while it still fires: the bound that ends it may not be {side} the one that "
                         "raises it.", "resolve_bound")
    for name, longest in LONGEST.items():
        if not (10 if name == "window" else 0) <= getattr(rule, name) <= longest:
            raise AlertError(f"Use {'10 s' if name == 'window' else '0'} to {longest // DAY} days.", name)
    if not 0 <= rule.minimum <= MOST_SAMPLES:
        raise AlertError(f"Use 0 to {MOST_SAMPLES:,}.", "minimum")
    if rule.lane and rule.lane not in LANES:
        raise AlertError(f"There is no lane {rule.lane[:40]!r}: use {', '.join(LANES)}.", "lane")
    if (rule.lane or rule.job) and not found.scoped:
        raise AlertError(f"{found.title} is not measured by lane or job.", "lane" if rule.lane else "job")


def mute(rule: Rule, until: datetime) -> None:
    """Tell nobody of a rule until then: its alerts stand in the list and in the history. Raises AlertError."""
    now = timezone.now()
    if not now < until <= now + LONGEST_MUTE:
        raise AlertError(f"Mute it until a time in the next {LONGEST_MUTE.days} days.", "until")
    _set_mute(rule, until, current().actor, "alert.rule-muted")


def unmute(rule: Rule) -> None:
    """Tell people again; of what still fires at the next pass."""
    if rule.muted_until is None:
        raise NotNow("It is not muted.")
    _set_mute(rule, None, "", "alert.rule-unmuted")


def _set_mute(rule: Rule, until: datetime | None, by: str, action: str) -> None:
    with transaction.atomic():
        Rule.objects.filter(pk=rule.pk).update(muted_until=until, muted_by=by)
        rule.muted_until, rule.muted_by = until, by
        record(action, {"rule": rule.pk, "name": rule.name, **({"until": until.isoformat()} if until else {})})


def acknowledge(alert: Alert) -> None:
    """Somebody looks after it: it leaves the banner of all pages, and stays in the list. Raises NotNow."""
    now, actor = timezone.now(), current().actor
    with transaction.atomic():
        mine = Alert.objects.filter(pk=alert.pk, state=AlertState.FIRING, acknowledged_at=None)
        if not mine.update(acknowledged_at=now, acknowledged_by=actor):
            alert.refresh_from_db()
            raise NotNow(f"{alert.acknowledged_by} has acknowledged it already." if alert.acknowledged_at
                         else f"It is {alert.get_state_display().lower()}: only one that fires can be acknowledged.")
        alert.acknowledged_at, alert.acknowledged_by = now, actor
        record("alert.acknowledged", {"alert": alert.pk, "name": alert.name, "target": alert.target},
               about=f"alerts.alert:{alert.pk}")
