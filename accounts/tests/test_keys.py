"""Keys for scripts: made, found, listed, revoked."""

from __future__ import annotations

import hmac
import json
from datetime import timedelta
from typing import ClassVar

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.actions import AccountError, find_key, make_key, revoke_key
from accounts.models import ApiKey
from accounts.tests.people import person
from events.models import Event

pytestmark = pytest.mark.django_db


def test_a_key_is_found_by_its_text_and_by_nothing_else():
    key, plain = make_key("ci", "operator")
    assert plain.startswith(f"hub_{key.public_id}_")
    assert find_key(plain) == key
    secret = plain.rpartition("_")[2]
    wrong = f"{plain[:-1]}{'A' if plain[-1] != 'A' else 'B'}"
    for text in ("", secret, plain[:-1], plain + "x", wrong, plain.upper(), f"hub_{'0' * 12}_{secret}", "hub_\0_"):
        assert find_key(text) is None


def test_only_a_hash_of_the_key_is_kept():
    plain = make_key("ci", "operator")[1]
    secret = plain.split("_", 2)[2]
    assert secret not in str(ApiKey.objects.values_list())
    assert secret not in str(Event.objects.values_list())


def test_a_revoked_key_is_found_no_more_and_its_name_is_free():
    key, plain = make_key("ci", "operator")
    with pytest.raises(AccountError, match="There is a key named 'ci'"):
        make_key("ci", "viewer")
    assert revoke_key(key)
    assert not revoke_key(key)
    assert find_key(plain) is None
    make_key("ci", "viewer")
    subjects = [event.subject.rpartition(".")[2] for event in Event.objects.order_by("id")]
    assert subjects == ["key-created", "key-revoked", "key-created"]


@pytest.mark.parametrize(("name", "role"), [("", "viewer"), (" ", "viewer"), ("x" * 101, "viewer"), ("a\nb", "viewer"),
                                            ("ci", "owner")])
def test_bad_input_makes_no_key(name, role):
    with pytest.raises(AccountError):
        make_key(name, role)
    assert not ApiKey.objects.exists()


def test_use_is_noted_once_a_minute(django_assert_num_queries):
    plain = make_key("ci", "operator")[1]
    with django_assert_num_queries(2):
        first = find_key(plain).last_used_at
    with django_assert_num_queries(1):
        assert find_key(plain).last_used_at == first
    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    assert find_key(plain).last_used_at > first


def test_the_command_prints_the_key_alone_then_lists_and_revokes_it(capsys):
    call_command("apikey", "create", "ci", "--role", "viewer")
    out, err = capsys.readouterr()
    assert find_key(out.strip()).role == "viewer"
    assert "cannot be shown again" in err
    assert Event.objects.get().actor.startswith("command:")
    call_command("apikey", "list", "--json")
    assert json.loads(capsys.readouterr().out)["name"] == "ci"
    call_command("apikey", "revoke", "ci")
    assert find_key(out.strip()) is None
    capsys.readouterr()
    call_command("apikey", "list")
    assert "revoked" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no key 'ci' in force"):
        call_command("apikey", "revoke", "ci")
    with pytest.raises(CommandError):
        call_command("apikey", "create", "")


def test_an_admin_revokes_keys_and_can_change_nothing_else(client):
    client.force_login(person("admin", "mara"))
    key, plain = make_key("<b>ci</b>", "operator")
    assert "&lt;b&gt;ci" in client.get("/admin/accounts/apikey/").text
    page = client.get(f"/admin/accounts/apikey/{key.pk}/change/")
    assert page.status_code == 200
    assert key.secret_hash not in page.text
    assert client.get("/admin/accounts/apikey/add/").status_code == 403
    assert client.post(f"/admin/accounts/apikey/{key.pk}/change/", {"role": "admin"}).status_code == 403
    assert client.post(f"/admin/accounts/apikey/{key.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post("/admin/accounts/apikey/", {"action": "revoke", "_selected_action": [key.pk]})
    assert find_key(plain) is None
    assert Event.objects.filter(subject__endswith="audit.key-revoked", actor="mara").count() == 1


class _Compared(str):
    """A text that tells when it is compared by `==` or `!=`, which stop at the first letter that differs."""

    told: ClassVar[list[str]] = []

    def __eq__(self, other: object) -> bool:
        self.told.append("==")
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        self.told.append("!=")
        return str.__ne__(self, other)

    __hash__ = str.__hash__


def test_the_hash_of_a_secret_is_compared_in_a_time_that_tells_nothing(monkeypatch):
    """The hash as the database gives it, and the one that is made of what was sent, tell whoever compares them."""
    key, plain = make_key("ci", "operator")
    asked: list[tuple[str, str]] = []
    honest = hmac.compare_digest

    def noting(kept, sent):
        asked.append((str(kept), str(sent)))
        return honest(kept, sent)

    monkeypatch.setattr(hmac, "compare_digest", noting)
    monkeypatch.setattr(ApiKey._meta.get_field("secret_hash"), "from_db_value",
                        lambda value, *_: _Compared(value), raising=False)
    wrong = f"{plain[:-1]}{'A' if plain[-1] != 'A' else 'B'}"
    nobody = f"hub_{'0' * 12}_{plain.rpartition('_')[2]}"
    for text, found in ((plain, key), (wrong, None), (nobody, None)):
        before = len(asked)
        assert find_key(text) == found
        assert len(asked) == before + 1, "also where there is no such key"
    assert asked[0][0] == asked[0][1] == key.secret_hash
    assert asked[1][0] == key.secret_hash != asked[1][1] and len(asked[2][0]) == len(asked[2][1]) == 64
    assert _Compared.told == []
