"""Each fact gets its place in one stream, without a gap, however its transaction went."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from events.actions import prune_before, record
from events.models import Event
from events.relay.lag import lag
from events.relay.loop import Relay
from events.relay.numbering import after, last_position, number
from events.relay.redis_stream import RedisCarrier, client, key, last_sent
from events.tests.stream import in_redis, numbered, sent_on


@pytest.mark.django_db
def test_places_follow_the_order_of_writing_from_one():
    written = [record("a.b").pk for _ in range(7)]
    assert (number(3), number(3), number(3), number(3)) == (3, 3, 1, 0)
    assert [(event.pk, event.position) for event in after(0)] == list(zip(written, range(1, 8), strict=True))
    assert last_position() == 7 and [event.position for event in after(5)] == [6, 7]


@pytest.mark.django_db(transaction=True)
def test_what_is_committed_late_is_not_skipped():
    began, may_end = threading.Event(), threading.Event()
    keys: dict[str, object] = {}

    def slowly():
        try:
            with transaction.atomic():
                keys["late"] = record("slow.one").pk
                began.set()
                assert may_end.wait(20)
        finally:
            connections.close_all()

    # SQLite has one writer at a time: there the slow one has only taken its id, which is what could make it be missed.
    if connection.vendor == "sqlite":
        late = Event(subject="hub.x.slow.one", actor="x", timestamp=timezone.now())
        first = record("quick.one").pk
        assert numbered() == 1
        late.save()
        keys["late"] = late.pk
    else:
        thread = threading.Thread(target=slowly)
        thread.start()
        assert began.wait(20)
        first = record("quick.one").pk
        assert numbered() == 1
        may_end.set()
        thread.join(20)
    assert keys["late"] < first
    second = record("quick.two").pk
    assert numbered() == 2
    assert [event.pk for event in after(0)] == [first, keys["late"], second]


@pytest.mark.django_db(transaction=True)
def test_several_that_number_at_once_leave_no_gap_and_no_double():
    per_thread = 120

    def work(action):
        try:
            for _ in range(per_thread):
                action()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(action,))
               for action in (lambda: record("a.b"), lambda: record("c.d"), lambda: number(5), lambda: number(5))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    numbered()
    positions = Event.objects.order_by("position").values_list("position", flat=True)
    assert list(positions) == list(range(1, 2 * per_thread + 1))
    assert last_position() == 2 * per_thread


@pytest.mark.django_db
def test_removing_what_is_old_does_not_give_a_place_twice():
    record("task.created")
    assert numbered() == 1
    assert sum(prune_before(timezone.now() + timedelta(days=1), "task")) == 1
    record("task.created")
    assert numbered() == 1
    assert after(0)[0].position == 2


@pytest.mark.django_db
@pytest.mark.parametrize("change", ["position = NULL", "position = 9", "position = 9, actor = 'eve'"])
def test_a_place_cannot_be_changed(change):
    record("a.b")
    numbered()
    with pytest.raises(DatabaseError, match="cannot be changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE events_event SET {change}")
    assert Event.objects.get().position == 1


@pytest.mark.django_db
def test_a_fact_cannot_be_changed_together_with_its_first_place():
    record("a.b")
    with pytest.raises(DatabaseError, match="cannot be changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE events_event SET position = 1, actor = 'eve'")


@pytest.mark.django_db
def test_the_lag_counts_what_waits_and_since_when():
    assert (lag().position, lag().waiting, lag().seconds, lag().is_late) == (0, 0, 0.0, False)
    then = timezone.now() - timedelta(seconds=90)
    Event.objects.create(subject="hub.x.a.b", actor="x", timestamp=then)
    record("a.b")
    found = lag()
    assert (found.waiting, found.span, found.is_late) == (2, "1 min 30 s", True)
    numbered()
    assert (lag().position, lag().waiting) == (2, 0)


@pytest.mark.django_db
def test_looking_for_what_waits_writes_nothing(django_assert_num_queries):
    record("a.b")
    numbered()
    with django_assert_num_queries(1) as queries:
        assert number() == 0
    assert queries[0]["sql"].startswith("SELECT")


@pytest.fixture
def empty_redis(redis_server):
    redis_server.client().flushall()
    yield redis_server
    redis_server.client().flushall()


@pytest.mark.django_db
def test_redis_gets_each_once_in_order(empty_redis):
    written = [str(record("a.b", {"number": number}).pk) for number in range(12)]
    numbered()
    sent_on(RedisCarrier())
    assert last_sent() == 12
    # Another relay that goes on from an earlier place sends what is there already.
    again = RedisCarrier()
    again._sent = 5
    sent_on(again)
    found = in_redis()
    assert [position for position, _ in found] == list(range(1, 13))
    assert [event["id"] for _, event in found] == written
    assert all(position == event["position"] for position, event in found)


@pytest.mark.django_db
def test_a_redis_that_was_emptied_gets_what_is_new_and_a_part_of_the_past(empty_redis, monkeypatch):
    monkeypatch.setattr("events.relay.redis_stream.CAP", 3)
    carrier = RedisCarrier()
    for _ in range(5):
        record("a.b")
    numbered()
    sent_on(carrier)
    empty_redis.client().flushall()
    record("a.b")
    numbered()
    sent_on(RedisCarrier())
    assert [position for position, _ in in_redis()][-3:] == [4, 5, 6]


@pytest.mark.django_db
def test_the_stream_of_a_database_that_was_set_back_is_thrown_away(empty_redis):
    client().xadd(key(), {"event": '{"position": 900}'}, id="900-0")
    record("a.b")
    numbered()
    sent_on(RedisCarrier())
    assert [position for position, _ in in_redis()] == [1]


@pytest.mark.django_db(transaction=True)
def test_the_relay_works_while_it_leads_and_goes_on_after_redis_was_killed(empty_redis, eventually):
    relay = Relay([RedisCarrier()])
    relay.start()
    try:
        record("a.b")
        relay.lead(True)
        eventually(lambda: len(in_redis()) == 1)
        empty_redis.kill()
        record("a.b")
        # The database knows the order without Redis.
        eventually(lambda: last_position() == 2)
        empty_redis.start()
        record("a.b")
        eventually(lambda: [position for position, _ in in_redis()] == [1, 2, 3])
    finally:
        relay.stop(10)
        if empty_redis.process.poll() is not None:
            empty_redis.start()
