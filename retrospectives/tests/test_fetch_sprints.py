"""Fetching from a real HTTP server that misbehaves in every way that sources do."""

from __future__ import annotations

import pytest

from retrospectives.files import read_rows
from retrospectives.source import TRIES, SourceError, fetch
from retrospectives.tests.conftest import SILENT, Source, sprint


def get(source: Source, count: int = 5, team: str = "") -> tuple[list, list[float]]:
    waits: list[float] = []
    return fetch(source.url, "secret", count, team, wait=waits.append), waits


def test_what_is_asked_and_how(source):
    source.say([sprint(1)])
    found, waits = get(source, 3, "Harbour & Co")
    assert found == [sprint(1)] and waits == []
    assert source.asked == [("/api/sprints?count=3&team_id=Harbour+%26+Co", "Bearer secret")]


def test_an_object_with_items_and_pages_that_follow(source):
    source.say({"items": [sprint(4), sprint(3)]}, Link='<?page=0>; rel="prev", </api/sprints?page=2>; rel="next"')
    source.say({"items": [sprint(2), sprint(1)]})
    found, _ = get(source, 3)
    assert [one["sprint_id"] for one in found] == ["s-4", "s-3", "s-2"]
    assert source.asked[1][0] == "/api/sprints?page=2"


def test_the_key_goes_to_no_other_host(source):
    source.say([sprint(1)], Link='<http://127.0.0.2:9/api/sprints?page=2>; rel="next"')
    with pytest.raises(SourceError, match="another host"):
        get(source)
    source.answers.clear()
    source.say(b"", 302, Location="http://127.0.0.2:9/")
    with pytest.raises(SourceError, match="redirects elsewhere"):
        get(source)


def test_busy_is_waited_for_as_long_as_it_says(source):
    source.say(b"", 429, Retry_After="7")
    source.say(b"", 503)
    source.say([sprint(1)])
    found, waits = get(source)
    assert len(found) == 1 and waits == [7.0, 1.0]
    source.answers.clear()
    source.say(b"", 429, Retry_After="3600")
    with pytest.raises(SourceError, match="wants 3600 s of rest"):
        get(source)


def test_what_lasts_is_given_up_with_its_reason(source):
    source.say(b"", 500)
    with pytest.raises(SourceError, match=f"answered 500, {TRIES} times"):
        get(source)
    assert len(source.asked) == TRIES
    source.answers.clear()
    source.say(b"", 0)
    with pytest.raises(SourceError, match="does not answer"):
        get(source)
    with pytest.raises(SourceError, match="does not answer"):
        fetch("http://127.0.0.1:9/api", "", 5, wait=lambda seconds: None)


def test_one_that_is_silent_is_given_up_after_its_time(source, monkeypatch):
    monkeypatch.setattr("retrospectives.source.TIMEOUT", 0.2)
    source.say(b"", SILENT)
    with pytest.raises(SourceError, match=f"does not answer .*timed out.*, {TRIES} times"):
        get(source)
    assert len(source.asked) == TRIES


@pytest.mark.parametrize(("status", "body", "said"), [
    (401, b"", "METRICS_API_KEY"), (404, b"", "METRICS_API_URL"), (200, b"<html>", "no JSON"),
    (200, b'{"data": []}', "no list of sprints"), (200, b'"text"', "no list of sprints"),
    (200, b"[" * 100_000, "no JSON"), (200, b" " * (6 * 1024 * 1024), "more than 5 MB"),
])
def test_an_answer_that_is_none(source, status, body, said):
    source.say(body, status)
    with pytest.raises(SourceError, match=said) as caught:
        get(source)
    assert "secret" not in str(caught.value)


def test_an_address_with_a_password_is_not_repeated():
    with pytest.raises(SourceError) as caught:
        fetch("http://me:hidden@127.0.0.1:9/api", "", 5, wait=lambda seconds: None)
    assert "hidden" not in str(caught.value)


def test_half_broken_rows_are_told_and_the_others_kept():
    rows, faults = read_rows([
        sprint(1), sprint(2, team_happiness=11), sprint(3, bugs_prod=1.5), sprint(4, review_time="fast"),
        {**sprint(5), "end_date": "2026-01-01"}, sprint(6, sprint_id=None), sprint(1), "no sprint",
        sprint(7, velocity=3), sprint(8, story_point_distribution=[1, 2]),
        sprint(9, team_happiness=None, coding_time="", bugs_prod="3"),
    ])
    assert [row.sprint_id for row in rows] == ["s-1", "s-9"]
    assert "team_happiness" not in rows[1].values and rows[1].values["bugs_prod"] == 3
    assert [(fault.row, fault.field) for fault in faults] == [
        (2, "team_happiness"), (3, "bugs_prod"), (4, "review_time"), (5, "end_date"), (6, "sprint_id"),
        (7, "sprint_id"), (8, ""), (9, "velocity"), (10, "story_point_distribution"),
    ]
    assert all(fault.message for fault in faults)
