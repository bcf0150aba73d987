"""A rule is broken, an alert fires, and it is resolved: once each."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import actions, moves
from alerts.defaults import DEFAULTS
from alerts.errors import AlertError, NotNow
from alerts.evaluator import evaluate, pulse
from alerts.models import Alert, Look, Rule
from alerts.registry import Reading, measures
from alerts.states import AlertState
from alerts.tests.rows import ended, waiting
from events.models import Event
from tasks.models import Task
from tasks.states import TaskState

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_server")]


def states() -> list[str]:
    return list(Alert.objects.order_by("pk").values_list("state", flat=True))


def facts() -> list[str]:
    names = [one.subject.rpartition(".")[2] for one in Event.objects.filter(subject__contains=".alert.").order_by("id")]
    return names


def test_every_hub_has_its_rules():
    assert set(Rule.objects.values_list("builtin", flat=True)) == set(DEFAULTS)
    known = {one.key for one in measures()}
    assert {one["measure"] for one in DEFAULTS.values()} <= known


def test_it_fires_at_once_without_a_hold_and_is_resolved_when_it_is_well(only_rule):
    only_rule("tasks.depth", bound=2)
    evaluate()
    assert states() == []
    waiting(3, since=70)
    assert evaluate() == ["It is bad fires: Tasks waiting: 3 (the oldest for 1 min 10 s), above 2."]
    assert states() == ["firing"]
    Task.objects.all().delete()
    assert evaluate() == ["It is bad is resolved."]
    assert states() == ["resolved"]
    assert facts() == ["pending", "firing", "resolved"]
    evaluate()
    assert len(states()) == 1


def test_it_is_pending_for_as_long_as_its_rule_holds(only_rule):
    only_rule("tasks.depth", bound=0, hold=60)
    waiting(1)
    evaluate()
    evaluate()
    assert states() == ["pending"]
    Alert.objects.update(pending_at=timezone.now() - timedelta(seconds=61))
    evaluate()
    assert states() == ["firing"]


def test_what_is_mended_before_that_never_fires(only_rule):
    only_rule("tasks.depth", bound=0, hold=60)
    waiting(1)
    evaluate()
    Task.objects.all().delete()
    evaluate()
    assert states() == ["passed"]
    assert facts() == ["pending", "passed"]


def test_a_load_on_the_bound_does_not_flap(only_rule):
    only_rule("tasks.depth", bound=10, resolve_bound=5)
    for number in (11, 10, 11, 9, 12, 6, 11, 10):
        Task.objects.all().delete()
        waiting(number)
        evaluate()
    assert states() == ["firing"]
    assert facts() == ["pending", "firing"]


def test_it_is_resolved_only_when_it_stays_well(only_rule):
    only_rule("tasks.depth", bound=0, calm=60)
    for number in (1, 0, 1, 0, 0):
        Task.objects.all().delete()
        waiting(number)
        evaluate()
    alert = Alert.objects.get()
    assert alert.state == "firing" and alert.clear_since is not None
    Alert.objects.update(clear_since=timezone.now() - timedelta(seconds=61))
    evaluate()
    assert states() == ["resolved"]


def test_a_move_that_another_made_is_not_made_twice(only_rule):
    rule = only_rule("tasks.depth")
    one = moves.begin(rule, "", Reading(1), timezone.now())
    assert moves.begin(rule, "", Reading(1), timezone.now()) is None
    other = Alert.objects.get(pk=one.pk)
    assert moves.move(one, AlertState.FIRING, fired_at=timezone.now())
    assert not moves.move(other, AlertState.FIRING, fired_at=timezone.now())
    assert not moves.move(other, AlertState.PASSED)
    assert facts() == ["pending", "firing"]


def test_a_move_whose_transaction_fails_has_not_happened(only_rule):
    rule = only_rule("tasks.depth")
    one = moves.begin(rule, "", Reading(1), timezone.now())
    with pytest.raises(RuntimeError), transaction.atomic():
        moves.move(one, AlertState.FIRING, fired_at=timezone.now())
        raise RuntimeError
    assert states() == ["pending"] and facts() == ["pending"]


def test_failures_count_from_a_sample_on(only_rule):
    only_rule("tasks.failure_rate", bound=10, minimum=10)
    ended(4, TaskState.FAILED)
    evaluate()
    assert states() == []
    ended(16)
    evaluate()
    alert = Alert.objects.get()
    assert (alert.state, alert.value, alert.sentence) == (
        "firing", 20.0, "Failure rate: 20 % (4 of 20 in 10 min), above 10 %.")


def test_exactly_the_bound_is_no_failure(only_rule):
    only_rule("tasks.failure_rate", bound=10, minimum=10)
    ended(2, TaskState.FAILED)
    ended(18)
    ended(50, TaskState.CANCELLED)
    evaluate()
    assert states() == []


def test_average_run_above_half_an_hour(only_rule):
    only_rule("tasks.run_mean", bound=1800, window=3600)
    ended(2, ran=1700)
    evaluate()
    assert states() == []
    ended(2, ran=2000)
    evaluate()
    assert Alert.objects.get().sentence == "Average run: 30 min 50 s (of 4 in 1 h), above 30 min."


def test_a_rule_of_ones_own_looks_at_one_lane_or_job(only_rule):
    rule = only_rule("tasks.failed", bound=0, lane="reports")
    ended(1, TaskState.FAILED, lane="stacks")
    evaluate()
    assert states() == []
    actions.change_rule(rule, {"lane": "", "job": "demo.sleep"})
    evaluate()
    assert states() == ["firing"]


def test_something_that_should_run_and_does_not(only_rule):
    only_rule("tasks.ended", compare="below", bound=1, window=60, job="reports.nightly")
    evaluate()
    assert states() == ["firing"]
    ended(1, job="reports.nightly")
    evaluate()
    assert states() == ["resolved"]


def test_a_rule_that_is_switched_off_or_deleted_ends_what_it_raised(only_rule):
    rule = only_rule("tasks.depth")
    waiting(1)
    evaluate()
    actions.change_rule(rule, {"enabled": False})
    evaluate()
    assert Alert.objects.get().why == "Its rule is switched off."
    actions.change_rule(rule, {"enabled": True})
    evaluate()
    actions.remove_rule(rule)
    assert states() == ["resolved", "resolved"]
    assert Alert.objects.order_by("-pk").first().why == "Its rule was deleted."


def test_hubs_own_rules_can_be_switched_off_and_not_deleted():
    rule = Rule.objects.get(builtin="disk")
    with pytest.raises(NotNow, match="switch it off"):
        actions.remove_rule(rule)
    with pytest.raises(AlertError, match="keeps its measure"):
        actions.change_rule(rule, {"measure": "tasks.depth"})
    actions.change_rule(rule, {"enabled": False})
    assert not Rule.objects.get(builtin="disk").enabled


def test_a_measure_that_raises_stops_no_other_rule(only_rule, caplog):
    only_rule("tasks.depth")
    Rule.objects.create(name="Lost", measure="gone.away", bound=1, created_by="test")
    waiting(1)
    evaluate()
    assert states() == ["firing"]
    lost = Rule.objects.get(name="Lost")
    assert Look.objects.get().of(lost)[""][1] == "LookupError: This Hub has no measure gone.away."


def test_acknowledged_once(only_rule):
    only_rule("tasks.depth")
    waiting(1)
    evaluate()
    alert = Alert.objects.get()
    actions.acknowledge(alert)
    with pytest.raises(NotNow, match="acknowledged it already"):
        actions.acknowledge(alert)
    Task.objects.all().delete()
    evaluate()
    waiting(1)
    evaluate()
    assert Alert.objects.first().acknowledged_at is None


def test_a_pass_costs_the_same_few_queries_however_many_rules_ask(only_rule):
    """Its time is a figure of the bench; its queries are counted here."""
    Look.objects.create(pk=1, at=timezone.now(), memory={"tidied": timezone.now().timestamp()})
    for number in range(20):
        Rule.objects.create(name=f"Depth {number}", measure="tasks.depth", bound=1000 + number, created_by="test")
    evaluate()
    with CaptureQueriesContext(connection, ) as seen:
        evaluate()
    # The look before, rules, open alerts; one for each measure (counts, depth, mean, restarts, lag: two); the new look.
    assert len(seen) <= 14, [one["sql"][:120] for one in seen]


def test_the_pulse_says_when_nobody_evaluates():
    assert pulse().is_late and pulse().age is None
    evaluate()
    assert not pulse().is_late and pulse().took < 5000
    Look.objects.update(at=timezone.now() - timedelta(seconds=31))
    assert pulse().is_late
