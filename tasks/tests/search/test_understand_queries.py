"""What is no query is refused with its place and with what was expected; nothing else is."""

from __future__ import annotations

import pytest

from accounts.tests.api_client import error_of
from tasks.search.errors import BadQuery
from tasks.search.query import read

BAD = [
    ('"open', 5, 'a closing "'),
    ("state:", 6, "one of scheduled"),
    ("state:done", 6, "one of scheduled"),
    ("a state:failed,x", 8, "one of scheduled"),
    ("stat:failed", 0, "state:"),
    ("http://x", 0, "quotation marks"),
    ("a (b", 4, "a closing )"),
    ("a) b", 1, "the end"),
    ("()", 1, "words"),
    ("OR a", 0, "words"),
    ("a OR", 4, "words"),
    ("a OR OR b", 5, "words"),
    ("a AND", 5, "words"),
    ("a -", 3, "words"),
    ("-", 1, "words"),
    ("a ... b", 2, "a word with a letter or digit"),
    ('""', 0, "a word with a letter or digit"),
    ("*", 0, "a word with a letter or digit"),
    ("name:", 5, "a word with a letter or digit"),
    ("lane:fast", 5, "one of "),
    ("priority:high", 9, "a number"),
    ("priority:>=", 9, "a number"),
    ("priority:..", 9, "a number"),
    ("attempt:1.5", 8, "a number"),
    ("priority:99999999999999999999", 9, "a number"),
    ("wait:30x", 5, "a length of time"),
    ("run:>-5m", 4, "a length of time"),
    ("run:٣s", 4, "a length of time"),
    ("created:yesterday", 8, "a day"),
    ("created:2026-13-01", 8, "a day"),
    ("created:2026-11-01..2026-02-30", 8, "a day"),
    ("created:9999-12-31..", 8, "a day"),
    ("created:999999999w", 8, "a day"),
    ("correlation:7", 12, "a UUID"),
    ("worker:*", 7, "the name of a worker"),
    ("project:", 8, "a project"),
    ("a\0b", 1, "words"),
    ("a\ud800b", 1, "words"),
    ("x" * 10_240, 1000, "its end"),
    (" ".join("x" * 101), 200, "its end"),
    ("(" * 200 + "a" + ")" * 200, 11, "at most 10 levels"),
    ("-" * 200 + "a", 11, "at most 10 levels"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("text", "position", "expected"), BAD, ids=[text[:20] for text, _, _ in BAD])
def test_a_bad_query_says_where_and_what_was_expected(text, position, expected):
    with pytest.raises(BadQuery) as caught:
        read(text)
    assert caught.value.position == position
    assert expected in caught.value.expected
    assert f"character {position + 1}" in str(caught.value)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/tasks/search", "/api/tasks", "/api/tasks/search/count"])
def test_the_api_answers_400_with_the_position(api, path):
    error = error_of(api("viewer").get(path, {"q": "a state:done"}), 400)
    assert (error["field"], error["position"]) == ("q", 8)
    assert error["expected"].startswith("one of scheduled")


@pytest.mark.django_db
@pytest.mark.parametrize("text", [
    "'", "a'b", "a;b--", "%", "a%b", "\\a", "a\\", '"a:b"', "a::b", "NEAR(a b)", "a NOT b", "{a}", "a^b", "a & b | !c",
    "a:*", "<b>x</b>", "ä" * 999, "name:a'b", 'actor:"x y"', "\u200bx", "a\tb\nc", "or and not", "1 -2", "a <-> b",
])
def test_odd_queries_are_answered(api, text):
    response = api("viewer").get("/api/tasks/search", {"q": text})
    assert response.status_code in (200, 400), response.content
    if response.status_code == 400:
        assert error_of(response, 400)["expected"]
