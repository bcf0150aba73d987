"""Alerts, rules and channels as pages show them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

from alerts.evaluator import Pulse, pulse
from alerts.models import Alert, Look, Rule
from alerts.registry import measure
from alerts.sentences import condition, shown
from alerts.states import AlertState
from events.words import span

MOST_IN_BANNER = 3
MOST_OPEN = 100
RECENT = 10
# How an alert looks in a state: the level that colours it, and its icon.
LOOKS = {AlertState.PENDING: ("debug", "clock"), AlertState.RESOLVED: ("ok", "check"),
         AlertState.PASSED: ("debug", "minus")}


@dataclass(frozen=True, slots=True)
class Row:
    """An alert with its look, and its values in words."""

    alert: Alert
    level: str
    icon: str
    value: str
    worst: str


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule with what was read of it last: `value` in words (`note` beside it), and how many of it fire."""

    rule: Rule
    condition: str
    value: str
    note: str
    state: str
    level: str
    is_muted: bool


def row_of(alert: Alert) -> Row:
    """How to show one alert."""
    level, icon = LOOKS.get(alert.state, (alert.level, "bell"))
    key = alert.rule.measure if alert.rule else ""
    return Row(alert, level, icon, shown(key, alert.value), shown(key, alert.worst))


def banner() -> dict[str, Any]:
    """What every page shows: the alerts that fire and nobody looks after, and `version`, a mark of them."""
    found = Alert.objects.filter(state=AlertState.FIRING, acknowledged_at=None).select_related("rule")
    alerts = [one for one in found.order_by("level", "-fired_at")[:MOST_OPEN]
              if one.rule is None or not one.rule.is_muted()]
    marks = [len(alerts), *((one.pk, one.sentence) for one in alerts[:MOST_IN_BANNER])]
    version = f"{zlib.crc32(repr(marks).encode()):08x}"
    return {"alerts": alerts[:MOST_IN_BANNER], "more": len(alerts) - MOST_IN_BANNER, "version": version,
            "level": "error" if any(one.level == "error" for one in alerts) else "warning"}


def overview() -> dict[str, Any]:
    """The list page: what is open, what was, and every rule as it was read last. `version` is a mark of it."""
    look, beat = Look.objects.filter(pk=1).first(), pulse()
    opened = [row_of(one) for one in Alert.objects.filter(
        state__in=(AlertState.PENDING, AlertState.FIRING)).select_related("rule")[:MOST_OPEN]]
    opened.sort(key=lambda row: (row.alert.state != AlertState.FIRING, row.alert.level, -row.alert.pk))
    past = [row_of(one) for one in Alert.objects.filter(state=AlertState.RESOLVED).select_related("rule")[:RECENT]]
    firing = [row.alert.rule_id for row in opened if row.alert.is_firing]
    pending = [row.alert.rule_id for row in opened if not row.alert.is_firing]
    rules = [_rule_row(one, look, firing.count(one.pk), pending.count(one.pk)) for one in Rule.objects.all()]
    context = {"opened": opened, "past": past, "rules": rules, "beat": beat, "late": lateness(beat),
               "firing_count": len(firing)}
    marks = [(one.alert.pk, one.alert.state, one.alert.sentence, bool(one.alert.acknowledged_at), one.value)
             for one in [*opened, *past]] + [(one.rule.pk, one.value, one.note, one.state) for one in rules]
    context["version"] = f"{zlib.crc32(repr((marks, context['late'])).encode()):08x}"
    return context


def lateness(beat: Pulse) -> str:
    """What is wrong with the evaluator, in a sentence; empty while it comes by."""
    if not beat.is_late:
        return ""
    last = "Rules were never looked at." if beat.age is None else f"Rules were not looked at for {_coarse(beat.age)}."
    return f"{last} Nothing fires and nothing is resolved until watch runs."


def _coarse(seconds: float) -> str:
    return span(seconds // 60 * 60 if seconds >= 60 else seconds // 10 * 10 + 0.0)


def _rule_row(rule: Rule, look: Look | None, firing: int, pending: int) -> RuleRow:
    read = (look.of(rule) if look else {}) if rule.enabled else {}
    value, note = "", ""
    if len(read) > 1:
        values = [one[0] for one in read.values() if one[0] is not None]
        worst = (max if rule.compare == Rule.Compare.ABOVE else min)(values, default=None)
        value, note = shown(rule.measure, worst), f"the worst of {len(read)}"
    elif read:
        (target, (number, said)), = read.items()
        value, note = shown(rule.measure, number), ": ".join(text for text in (target, said) if text)
    elif rule.enabled and look:
        value = "–"
    is_known = not any(one[0] is None for one in read.values())
    is_muted = rule.is_muted()
    state, level = ("Off", "debug") if not rule.enabled else (f"Firing{f' ({firing})' if firing > 1 else ''}",
                                                               rule.level) if firing else \
        ("Pending", "info") if pending else ("Muted", "debug") if is_muted else ("OK", "ok") if is_known and look \
        else ("Unknown", "debug")
    if measure(rule.measure) is None:
        state, level = "Unknown measure", "error"
    return RuleRow(rule, condition(rule), value, note, state, level, is_muted)
