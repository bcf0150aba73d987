"""The audit log says what was before and after, and no secret."""

from __future__ import annotations

from events.changes import differences, masked
from events.secrets import MASK


def test_only_what_differs_is_said():
    assert differences({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 9, "d": 4}) == {
        "before": {"b": 2, "c": 3}, "after": {"b": 9, "d": 4}}


def test_secrets_are_masked_also_deep_inside_and_in_addresses():
    found = differences({"params": {"api_key": "s3cret", "url": "https://u:s3cret@host/x", "n": 1}, "token": ""},
                        {"params": {"api_key": "other", "list": [{"password": "s3cret"}]}, "token": "s3cret"})
    assert "s3cret" not in str(found) and "other" not in str(found)
    assert found["before"]["params"]["n"] == 1 and found["before"]["token"] == ""
    assert found["after"] == {"params": {"api_key": MASK, "list": [{"password": MASK}]}, "token": MASK}
    assert masked("plain") == "plain"


def test_of_what_is_hidden_only_the_names_are_said():
    found = differences({"env": {"A": "1", "B": "2", "C": "3"}}, {"env": {"A": "1", "B": "9", "D": "4"}},
                        hidden=frozenset({"env"}))
    assert found == {"before": {"env": {"B": MASK, "C": MASK}}, "after": {"env": {"B": MASK, "D": MASK}}}
