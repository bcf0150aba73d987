"""A fact is written with what happened, and stays as it was written."""

from __future__ import annotations

import uuid

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from events.actions import record
from events.context import acting
from events.models import AppendOnlyError, Event
from events.subjects import BadSubject

pytestmark = pytest.mark.django_db


def test_a_fact_knows_who_where_and_which_request():
    correlation = uuid.uuid4()
    with acting(actor="mara", via="page", address="192.0.2.7", correlation=correlation):
        event = record("project.started", {"project": 42})
    kept = Event.objects.get()
    assert kept.pk == event.pk
    assert kept.subject == f"hub.{settings.HUB_ID}.project.started"
    assert (kept.actor, kept.origin, kept.address) == ("mara", "page", "192.0.2.7")
    assert kept.correlation_id == correlation
    assert kept.payload == {"project": 42}


def test_facts_of_one_request_share_their_correlation_id():
    with acting():
        assert record("a.b").correlation_id == record("c.d").correlation_id
    with acting(correlation=uuid.uuid4()):
        other = record("a.b").correlation_id
    assert Event.objects.exclude(correlation_id=other).count() == 2


def test_the_order_of_writing_is_the_order_of_ids():
    written = [record("a.b").pk for _ in range(200)]
    assert sorted(written) == written
    assert list(Event.objects.values_list("pk", flat=True)) == written[::-1]


def test_it_is_gone_when_what_happened_is_undone():
    with pytest.raises(RuntimeError), transaction.atomic():
        record("project.started")
        raise RuntimeError
    assert not Event.objects.exists()


@pytest.mark.parametrize("action", ["", "project", "a.", ".b", "a..b", "a.b c", "a.>", "a.*", "a.b\n", "é.b"])
def test_what_is_no_subject_is_refused(action):
    with pytest.raises(BadSubject):
        record(action)


def test_a_fact_can_be_neither_changed_nor_removed():
    event = record("a.b")
    event.actor = "eve"
    for change in (
        event.save, event.delete, Event.objects.all().delete, lambda: Event.objects.update(actor="eve"),
        lambda: Event.objects.bulk_update([event], ["actor"]),
        lambda: Event.objects.filter(actor="hub").update(actor="eve"),
    ):
        with pytest.raises(AppendOnlyError):
            change()
    assert Event.objects.get().actor == "hub"


def test_the_database_refuses_changes_as_well():
    record("a.b")
    with pytest.raises(DatabaseError, match="cannot be changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE events_event SET actor = 'eve'")
    assert Event.objects.get().actor == "hub"
