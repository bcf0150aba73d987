"""Other systems are told what happens: signed, in order, at least once."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from conftest import REPOSITORY
from events.actions import record
from events.models import Event
from events.outgoing.networks import Allowed
from events.relay.numbering import last_position, number
from events.tests.receiver import Receiver
from tasks.models import Task
from tasks.rescue import Rescuer
from tasks.scheduler import tick
from tasks.states import ACTIVE, TaskState
from webhooks import actions, jobs
from webhooks.dispatch import dispatch
from webhooks.models import Delivery, State, Subscription
from webhooks.signing import PREFIX
from webhooks.tests.conftest import passes, say

OWN = f"hub.{settings.HUB_ID}"


def words(target: Receiver) -> list[str]:
    return [json.loads(one.body)["payload"]["word"] for one in target.received]


def documented() -> Callable[[str, dict[str, str], bytes], bool]:
    """What docs/webhooks.md gives receivers to copy."""
    text = (REPOSITORY / "docs" / "webhooks.md").read_text()
    names: dict = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], names)
    return names["verify"]


@pytest.mark.django_db
def test_each_event_is_sent_signed_in_the_order_of_the_stream(redis_server, target):
    say("before")
    hook, secret = actions.create(name="Shop", subject="shop.>", url=target.url())
    keys = say("first", "second", "third")
    record("other.thing")
    assert passes() == [TaskState.SUCCEEDED]
    assert words(target) == ["first", "second", "third"]
    verify = documented()
    for one, key in zip(target.received, keys, strict=True):
        assert verify(secret, one.headers, one.body)
        assert not verify(secret, one.headers, one.body + b" ")
        assert not verify(f"{PREFIX}{'A' * 32}", one.headers, one.body)
        late = {**one.headers, "webhook-timestamp": str(int(time.time()) - 301)}
        assert not verify(secret, late, one.body)
        body = json.loads(one.body)
        assert (one.headers["webhook-id"], body["id"], body["origin"]) == (key, key, "")
        assert one.headers["content-type"] == "application/json"
    assert [row.status for row in Delivery.objects.all()] == [200, 200, 200]
    hook.refresh_from_db()
    assert secret.encode() not in bytes(hook.secret) and secret not in json.dumps(
        list(Event.objects.values_list("payload", flat=True)))


@pytest.mark.django_db
def test_what_delivering_itself_says_is_not_sent_so_it_ends(redis_server, target):
    actions.create(name="All", subject=">", url=target.url())
    for _ in range(10):
        if not passes():
            break
    assert passes() == []
    said = [json.loads(one.body)["subject"] for one in target.received]
    assert f"{OWN}.webhook.created" in said and not [one for one in said if ".task." in one]
    assert Subscription.objects.get().position == last_position()


@pytest.mark.django_db
def test_what_is_not_taken_is_tried_again_and_holds_up_what_follows(redis_server, hook, target):
    refused = iter([500, 302])
    target.answer = lambda one: (next(refused, 200), {"Location": target.url("/elsewhere")}, b"not now")
    say("first", "second")
    assert passes() == [TaskState.SCHEDULED]  # the engine tries again after a pause
    task = Task.objects.get(subject=hook.task_subject)
    assert task.run_at - task.attempts.get().ended_at > timedelta(seconds=2)
    assert dispatch() == [] and Task.objects.filter(subject=hook.task_subject).count() == 1
    hook.refresh_from_db()
    assert (hook.failures, hook.state) == (1, State.ON) and hook.failing_since is not None
    actions.resume(hook)  # "try now"
    assert passes() == [TaskState.SCHEDULED]
    actions.resume(hook)
    assert passes() == [TaskState.SUCCEEDED]
    assert words(target) == ["first", "first", "first", "second"]
    assert len({one.headers["webhook-id"] for one in target.received}) == 2
    hook.refresh_from_db()
    assert (hook.failures, hook.failing_since) == (0, None)
    last = Delivery.objects.order_by("id")[:2]
    assert [(row.status, row.answer) for row in last] == [(500, "not now"), (302, "not now")]
    assert "not followed" in last[1].problem


@pytest.mark.django_db
def test_a_receiver_that_takes_nothing_for_a_day_is_given_up_with_the_reason(redis_server, hook, target):
    target.answer = lambda one: (503, {}, b"")
    say("first")
    passes()
    Subscription.objects.update(failing_since=timezone.now() - jobs.GIVE_UP + timedelta(minutes=1))
    actions.change(hook, name="Shop two")  # tries at once
    assert passes() == [TaskState.SCHEDULED]
    Subscription.objects.update(failing_since=timezone.now() - jobs.GIVE_UP)
    actions.change(hook, name="Shop")
    assert passes() == [TaskState.FAILED]
    hook.refresh_from_db()
    assert hook.state == State.DISABLED and "Nothing was taken for 1 d" in hook.reason and "503" in hook.reason
    told = Event.objects.get(subject=f"{OWN}.webhook.disabled")
    assert told.payload["reason"] == hook.reason
    say("second")
    assert passes() == []
    target.answer = lambda one: (204, {}, b"")
    target.received.clear()
    actions.resume(hook)
    passes()
    assert words(target) == ["first", "second"]


@pytest.mark.django_db
def test_one_that_wants_no_more_and_one_that_may_not_be_sent_to_end_at_once(redis_server, hook, target, settings):
    target.answer = lambda one: (410, {}, b"")
    say("first")
    assert passes() == [TaskState.FAILED]
    hook.refresh_from_db()
    assert (hook.state, len(target.received)) == (State.DISABLED, 1) and "410" in hook.reason
    actions.resume(hook)
    settings.HUB_OUTGOING_ALLOW = Allowed()
    assert passes() == [TaskState.FAILED]
    hook.refresh_from_db()
    assert hook.state == State.DISABLED and "HUB_OUTGOING_ALLOW" in hook.reason and "hidden" not in hook.reason
    assert len(target.received) == 1


@pytest.mark.django_db
def test_another_encryption_key_gives_a_sentence(redis_server, hook, monkeypatch):
    Subscription.objects.update(secret=b"gAAAAA of another key")
    say("first")
    assert passes() == [TaskState.FAILED]
    hook.refresh_from_db()
    assert hook.state == State.DISABLED and "Give the webhook a new secret" in hook.reason
    actions.change_secret(hook)
    actions.resume(hook)
    assert passes() == [TaskState.SUCCEEDED]


@pytest.mark.django_db
def test_paused_it_misses_nothing_and_a_position_leaves_out_or_repeats(redis_server, hook, target):
    actions.pause(hook)
    say("first", "second")
    assert passes() == []
    actions.resume(hook)
    passes()
    assert words(target) == ["first", "second"]
    actions.go_on_after(hook, Event.objects.get(payload__word="first").position)
    passes()
    assert words(target) == ["first", "second", "second"]
    with pytest.raises(actions.BadWebhook, match="where the stream is"):
        actions.go_on_after(hook, last_position() + 1)


@pytest.mark.django_db
def test_a_delivery_is_sent_again_by_a_task_and_a_part_of_history_by_command(redis_server, hook, target):
    say("first", "second")
    passes()
    first = Delivery.objects.get(succeeded=True, position=Event.objects.get(payload__word="first").position)
    task = actions.send_again(first)
    assert actions.send_again(first) == task  # a double click
    assert passes() == [TaskState.SUCCEEDED]
    assert words(target) == ["first", "second", "first"]
    assert Delivery.objects.first().is_replay
    hook.refresh_from_db()
    assert hook.position >= Event.objects.get(payload__word="second").position
    told = Event.objects.filter(subject=f"{OWN}.webhook.replayed").first()
    assert told.payload["event"] == str(first.event)


@pytest.mark.django_db
def test_the_log_keeps_the_newest(hook, monkeypatch):
    monkeypatch.setattr(jobs, "KEPT", 5)
    old = timezone.now() - timedelta(days=2)
    for place in range(9):
        Delivery.objects.create(subscription=hook, event=hook_event(), subject="hub.a.b.c", position=place,
                                at=old if place < 2 else timezone.now(), succeeded=place % 2 == 0)
    jobs.tidy(hook.pk)
    kept = [row.position for row in Delivery.objects.order_by("id")]
    assert kept == [3, 4, 5, 6, 7, 8]  # five, and what failed in the last day


def hook_event():
    return record("shop.any").pk


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_while_it_sends_loses_nothing(workers, hook, target, eventually):
    """With real workers: the first is killed while the receiver holds its request."""
    allow = {"HUB_OUTGOING_ALLOW": "127.0.0.0/8"}
    (first,) = workers(1, environ=allow)
    killed: list[str] = []

    def hold(one) -> tuple[int, dict[str, str], bytes]:
        if not killed:
            killed.append(one.headers["webhook-id"])
            first.kill()
        return 200, {}, b""

    target.answer = hold
    keys = say("first", "second", "third")
    dispatch()
    eventually(lambda: killed, 30)
    workers(1, environ=allow)
    rescuer = Rescuer()

    def told() -> bool:
        rescuer.rescue()
        tick()
        number()
        dispatch()
        return [one.headers["webhook-id"] for one in target.received][-1:] == keys[-1:] and not Task.objects.filter(
            subject=hook.task_subject, state__in=sorted(ACTIVE)).exists()

    eventually(told, 60)
    seen = [one.headers["webhook-id"] for one in target.received]
    assert sorted(set(seen), key=seen.index) == keys and set(seen) == set(keys)
    assert seen.count(keys[0]) >= 2  # its answer was never written down
