"""People are told: by a real mail server, once per move, and again when it did not work."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from alerts import actions, channel_actions, courier
from alerts.errors import AlertError, Undelivered
from alerts.evaluator import evaluate
from alerts.models import Alert, Channel, Look, Notification
from alerts.tests.rows import waiting
from events.models import Event
from tasks.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_server")]


@pytest.fixture
def mail(mailbox) -> Channel:
    return channel_actions.create("Operators", "mail", {"to": "ops@example.org, night@example.org"})


def waits() -> list[tuple[str, str, int]]:
    return list(Notification.objects.order_by("id").values_list("transition", "state", "tries"))


def due_now() -> None:
    Notification.objects.filter(state="waiting").update(next_at=timezone.now())


def test_each_move_is_told_once(only_rule, mailbox, mail):
    only_rule("tasks.depth")
    waiting(1)
    for _ in range(3):
        evaluate()
        courier.deliver_due()
    assert mailbox.subjects == ["[Hub] Firing: It is bad"]
    Task.objects.all().delete()
    for _ in range(3):
        evaluate()
        courier.deliver_due()
    assert mailbox.subjects == ["[Hub] Firing: It is bad", "[Hub] Resolved: It is bad"]
    told = mailbox.mails[0]
    alert = Alert.objects.get()
    assert told["To"] == "ops@example.org, night@example.org"
    assert "Tasks waiting: 1" in told.get_content()
    assert f"/alerts/{alert.pk}/" in told.get_content()
    assert waits() == [("firing", "sent", 1), ("resolved", "sent", 1)]


def test_what_was_not_taken_is_tried_again_in_order_and_later_each_time(only_rule, mailbox, mail):
    only_rule("tasks.depth")
    mailbox.answer = "451 Try again later"
    waiting(1)
    evaluate()
    courier.deliver_due()
    Task.objects.all().delete()
    evaluate()
    courier.deliver_due()
    first = Notification.objects.order_by("id").first()
    assert 0 < (first.next_at - timezone.now()).total_seconds() <= courier.FIRST_PAUSE
    due_now()
    courier.deliver_due()
    first.refresh_from_db()
    assert courier.FIRST_PAUSE < (first.next_at - timezone.now()).total_seconds() <= 2 * courier.FIRST_PAUSE
    # That it is resolved waits until they heard that it fired.
    assert waits() == [("firing", "waiting", 2), ("resolved", "waiting", 0)]
    assert "451" in Channel.objects.get().problem
    mailbox.answer, mailbox.mails = "250 OK", []
    due_now()
    courier.deliver_due()
    assert mailbox.subjects == ["[Hub] Firing: It is bad", "[Hub] Resolved: It is bad"]
    assert Channel.objects.get().problem == ""


def test_it_is_given_up_after_a_day_and_said(only_rule, mailbox, mail):
    only_rule("tasks.depth")
    mailbox.answer = "451 Try again later"
    waiting(1)
    evaluate()
    Notification.objects.update(created_at=timezone.now() - courier.GIVE_UP - timedelta(seconds=1))
    courier.deliver_due()
    assert waits() == [("firing", "given-up", 1)]
    assert Event.objects.filter(subject__endswith=".alert.undelivered").count() == 1


def test_a_courier_that_died_half_way_is_followed_by_one_that_sends_the_same_message(only_rule, mailbox, mail):
    """At least once: who took it before knows it by its id."""
    only_rule("tasks.depth")
    waiting(1)
    evaluate()
    one = courier._claim()  # and then it was killed, after it had sent
    courier.send(one.channel, one.message, str(one.pk))
    assert courier.deliver_due() == 0
    Notification.objects.update(next_at=timezone.now())  # a minute later
    assert courier.deliver_due() == 1
    assert [mail["Message-ID"] for mail in mailbox.mails] == [mailbox.mails[0]["Message-ID"]] * 2
    assert str(one.pk) in mailbox.mails[0]["Message-ID"]


def test_two_couriers_do_not_send_the_same(only_rule, mailbox, mail):
    only_rule("tasks.depth")
    waiting(1)
    evaluate()
    assert courier._claim() is not None
    assert courier._claim() is None


def test_nobody_is_told_while_it_is_muted_and_then_of_what_still_fires(only_rule, mailbox, mail):
    rule = only_rule("tasks.depth")
    actions.mute(rule, timezone.now() + timedelta(hours=1))
    waiting(1)
    evaluate()
    evaluate()
    assert waits() == [] and Alert.objects.get().state == "firing"
    actions.unmute(rule)
    evaluate()
    evaluate()
    assert [one[0] for one in waits()] == ["firing"]


def test_what_nobody_heard_of_is_not_told_to_be_resolved(only_rule, mailbox, mail):
    rule = only_rule("tasks.depth")
    actions.mute(rule, timezone.now() + timedelta(hours=1))
    waiting(1)
    evaluate()
    Task.objects.all().delete()
    evaluate()
    assert waits() == [] and Alert.objects.get().state == "resolved"


def test_a_rule_tells_only_the_channels_that_it_names(only_rule, mailbox, mail):
    other = channel_actions.create("Nights", "mail", {"to": "n@example.org"})
    rule = only_rule("tasks.depth")
    actions.change_rule(rule, {"channels": [other.pk]})
    waiting(1)
    evaluate()
    assert [one.channel for one in Notification.objects.all()] == [other]
    # A channel that is switched off is not replaced by all others.
    channel_actions.change(other, enabled=False)
    Task.objects.all().delete()
    evaluate()
    waiting(1)
    evaluate()
    assert not Notification.objects.filter(channel=mail).exists()


def test_the_test_button_says_what_is_wrong(mailbox, mail):
    channel_actions.test(mail)
    assert mailbox.subjects == ["[Hub] Test: this channel works"]
    mailbox.answer = "554 No"
    with pytest.raises(Undelivered, match="554 No"):
        channel_actions.test(mail)
    assert "554" in Channel.objects.get().problem


def test_without_a_mail_server_there_is_no_mail(db, settings):
    settings.EMAIL_HOST = ""
    with pytest.raises(AlertError, match="HUB_SMTP_HOST"):
        channel_actions.create("Operators", "mail", {"to": "ops@example.org"})


def test_addresses_that_are_none_are_refused(mailbox, db):
    for to in ("nobody", "a@b.example, x", "", "a@example.org\r\nBcc: c@example.org@"):
        with pytest.raises(AlertError):
            channel_actions.create("Operators", "mail", {"to": to})


def test_what_a_channel_knows_is_encrypted(mailbox, mail):
    kept = bytes(Channel.objects.get().secret)
    assert b"example.org" not in kept
    assert Channel.objects.get().config == {"to": "ops@example.org, night@example.org"}


def test_a_watchdog_outside_hears_every_minute_as_long_as_rules_are_looked_at(receiver, settings):
    """The dead-man check: when it hears nothing, it alerts by itself."""
    watchdog = receiver()
    settings.HUB_ALERT_PING_URL = watchdog.url("/hub")
    one = courier.Courier()
    one._ping()
    assert watchdog.received == []  # nobody has looked yet
    evaluate()
    one._ping()
    one._ping()
    assert [each.path for each in watchdog.received] == ["/hub"]
    one._ping_at -= courier.PING_EVERY
    Look.objects.update(at=timezone.now() - timedelta(minutes=5))
    one._ping()
    assert len(watchdog.received) == 1  # the evaluator is dead, and that is to be heard
    evaluate()
    watchdog.answer = lambda request: (500, {}, b"no")
    one._ping()
    assert len(watchdog.received) == 2
