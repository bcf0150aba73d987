"""Events are found by subject, time, request and actor, each way that the finder has of doing so."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from events import finding
from events.actions import record
from events.context import acting
from events.finding import Wanted, find
from events.models import Event
from events.moments import BadMoment, period, since, until
from events.subjects import Pattern

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def told(subject: str, at: datetime, order: int = 0) -> Event:
    """An event of a moment, with an id of that moment."""
    key = uuid.UUID(int=(int(at.timestamp() * 1000) << 80) | 0x7 << 76 | 0b10 << 62 | order)
    return Event.objects.create(pk=key, subject=subject, actor="x", timestamp=at)


@pytest.fixture(params=["merged", "one by one", "filtered"])
def way(request, monkeypatch) -> str:
    """Every way of finding has to find the same."""
    if request.param == "filtered":
        monkeypatch.setattr(finding, "MOST_SUBJECTS", 1)
    if request.param == "one by one":
        monkeypatch.setattr(finding, "MOST_ASKED", 2)
    return request.param


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("pattern", ["h.*.a", "h.x.>", "h.>", ">", "h.*.*", "h.x.a", "*.*.b", "no.>"])
def test_a_pattern_finds_the_same_in_parts_as_at_once(way, pattern, ascending):
    subjects = ("h.x.a", "h.y.a", "h.x.b", "h.z.a", "g.x.a", "h.x.c.d")
    events = [told(subjects[number % 6], NOON + timedelta(seconds=number), number) for number in range(60)]
    chosen = Pattern.read(pattern)
    expected = [event.pk for event in events if chosen.matches(event.subject)]
    seen, cursor = [], ""
    while cursor is not None:
        part = find(Wanted(chosen), limit=7, cursor=cursor, ascending=ascending)
        assert len(part.items) <= 7
        seen += [event.pk for event in part.items]
        cursor = part.next_cursor
    assert seen == (expected if ascending else expected[::-1])


def test_both_ends_of_a_period_belong_to_it(way):
    events = [told(f"h.x.{'ab'[number % 2]}", NOON + timedelta(minutes=number)) for number in range(10)]
    wanted = Wanted(Pattern.read("h.x.*"), NOON + timedelta(minutes=3), NOON + timedelta(minutes=6))
    assert [event.pk for event in find(wanted).items] == [event.pk for event in events[6:2:-1]]


def test_an_event_whose_id_was_made_a_moment_later_is_in_its_period():
    event = told("h.x.a", NOON + timedelta(seconds=20))
    Event.objects.create(pk=uuid.UUID(int=event.pk.int + 1), subject="h.x.a", actor="x", timestamp=NOON)
    assert len(find(Wanted(until=NOON)).items) == 1


def test_actor_and_request_narrow_a_pattern():
    request = uuid.uuid4()
    with acting(actor="mara", correlation=request):
        event = record("a.b")
    record("a.b")
    with acting(actor="mara"):
        record("c.d")
    for wanted in (Wanted(Pattern.read("*.*.a.b"), actor="mara"), Wanted(Pattern.read(">"), correlation_id=request)):
        assert [one.pk for one in find(wanted).items] == [event.pk]


def test_moments_as_people_name_them():
    now = timezone.now()
    for text, ago in (("30s", 30), ("15m", 900), ("1h", 3600), ("7d", 604800), ("2w", 1209600), ("now", 0)):
        assert abs((now - since(text)).total_seconds() - ago) < 5, text
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    # The day may end while this runs.
    assert since("today") - midnight in (timedelta(), timedelta(days=1))
    assert until("yesterday") - since("yesterday") == timedelta(days=1) - timedelta(microseconds=1)
    assert since("2026-03-01") == datetime(2026, 3, 1, tzinfo=UTC)
    assert until("2026-03-01") == datetime(2026, 3, 1, 23, 59, 59, 999999, tzinfo=UTC)
    for text in ("2026-03-01T12:00", "2026-03-01T12:00:00Z", "2026-03-01T13:00:00+01:00", "2026-03-01T13:00:00 01:00"):
        assert since(text) == NOON, text
    assert since("") is None and period("", "") == (None, None)


@pytest.mark.parametrize("text", ["yesteryear", "1y", "-1h", "99999999h", "2026-13-01", "0001-01-01T00:00:00+09:00",
                                  "²h", "2026-03-01T12:00:00+99:00", "999999w"])
def test_what_is_no_moment_is_said(text):
    with pytest.raises(BadMoment, match="is no moment"):
        since(text)


def test_an_end_before_the_begin_is_said():
    with pytest.raises(BadMoment, match="before since") as caught:
        period("1h", "2h")
    assert caught.value.field == "until"
