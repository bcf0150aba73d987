"""Keys on their page and by the command: scopes, projects, an end, a new secret; and tokens made from them."""

from __future__ import annotations

import base64
import json
import re
from datetime import timedelta

import jwt
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.actions import AccountError, find_key, make_key, revoke_key, rotate_key
from accounts.models import ApiKey
from accounts.tests.api_client import ApiClient, error_of
from accounts.tests.people import person
from accounts.tokens import find_by_token, make_token
from events.models import Event
from projects.models import Project

pytestmark = pytest.mark.django_db
EVENT = {"subject": "hub.{}.shop.sold", "payload": {}}


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(person("admin", "mara"))
    return client


def shown(answer) -> str:
    assert answer.status_code == 200 and "no-store" in answer["Cache-Control"]
    return re.search(r'id="shown-key">(hub_\S+?)<', answer.text)[1]


def by(plain: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {plain}"})


def publish(client: Client, settings) -> int:
    event = {**EVENT, "subject": EVENT["subject"].format(settings.HUB_ID)}
    return client.post("/api/events", event, content_type="application/json").status_code


def test_a_key_is_shown_once(admin, tmp_path):
    shop = Project.objects.create(name="Shop", slug="shop", path=str(tmp_path))
    form = {"name": "ci", "scope": ["read", "operate"], "some": "on", "project": [shop.pk], "life": "30"}
    plain = shown(admin.post("/keys/create/", form))
    key = find_key(plain, "192.0.2.9")
    assert (key.scopes, key.projects, key.payloads, key.created_by) == (["read", "operate"], [shop.pk], False, "mara")
    assert timedelta(days=29) < key.expires_at - timezone.now() < timedelta(days=31)
    page = admin.get("/keys/").text
    secret = plain.split("_", 2)[2]
    assert secret not in page and "192.0.2.9" in page and "Shop" in page
    assert not any(secret in json.dumps(event.payload) for event in Event.objects.all())


@pytest.mark.parametrize("form", [
    {"name": "ci"}, {"name": "", "scope": "read"}, {"name": "ci", "scope": "all"},
    {"name": "ci", "scope": "read", "life": "7"}, {"name": "ci", "scope": "read", "some": "on", "project": "77"},
    {"name": "ci", "scope": "read", "some": "on", "project": "x"},
])
def test_a_bad_form_makes_no_key(admin, form):
    assert admin.post("/keys/create/", form).status_code == 422
    assert not ApiKey.objects.exists()


def test_a_new_secret_ends_the_old_one(admin):
    key, old = make_key("ci", "viewer")
    new = shown(admin.post(f"/keys/{key.public_id}/rotate/"))
    assert find_key(old) is None and find_key(new) == key
    admin.post(f"/keys/{key.public_id}/revoke/")
    assert find_key(new) is None
    assert admin.post(f"/keys/{key.public_id}/rotate/").status_code == 409
    with pytest.raises(AccountError):
        rotate_key(key)


def test_a_key_whose_time_is_over_is_none():
    plain = make_key("ci", "viewer", expires_at=timezone.now() + timedelta(hours=1))[1]
    assert by(plain).get("/api/projects").status_code == 200
    ApiKey.objects.update(expires_at=timezone.now())
    error_of(by(plain).get("/api/projects"), 401)
    with pytest.raises(AccountError, match="in the future"):
        make_key("late", "viewer", expires_at=timezone.now())


def test_each_scope_opens_its_own_doors(settings):
    def may(*scopes: str) -> tuple[int, int, int]:
        client = by(make_key(" ".join(scopes), scopes=scopes)[1])
        return (client.get("/api/projects").status_code, client.post("/api/orchestration/1/start").status_code,
                publish(client, settings))

    assert may("read") == (200, 403, 403)
    assert may("operate") == (200, 404, 403)
    assert may("publish") == (403, 403, 201)
    assert may("read", "publish") == (200, 403, 201)
    assert may("admin") == (200, 404, 201)


def test_the_command_knows_all_of_it(tmp_path, capsys):
    Project.objects.create(name="Shop", slug="shop", path=str(tmp_path))
    call_command("apikey", "create", "ci", "--scope", "read", "--scope", "publish", "--project", "Shop", "--days", "3",
                 "--no-payloads")
    plain = capsys.readouterr().out.strip()
    key = find_key(plain)
    assert (key.scopes, key.projects, key.payloads) == (["read", "publish"], [Project.objects.get().pk], False)
    call_command("apikey", "rotate", "ci")
    new = capsys.readouterr().out.strip()
    assert find_key(new) == key and find_key(plain) is None
    call_command("apikey", "list")
    assert "read,publish" in (said := capsys.readouterr().out) and "good until" in said
    call_command("apikey", "list", "--json")
    assert json.loads(capsys.readouterr().out)["scopes"] == ["read", "publish"]
    for words in (("create", "x", "--project", "Nothing"), ("create", "x", "--days", "0"), ("rotate", "nobody")):
        with pytest.raises(CommandError):
            call_command("apikey", *words)


def test_a_token_does_what_its_key_may_and_no_more(settings):
    plain = make_key("ci", "operator")[1]
    answer = by(plain).post("/api/token", {"scopes": ["read"], "seconds": 60}, content_type="application/json")
    body = answer.json()
    assert answer.status_code == 201 and body["expires_in"] == 60 and body["scopes"] == ["read"]
    client = by(body["token"])
    assert client.get("/api/projects").status_code == 200
    error_of(client.post("/api/orchestration/1/start"), 403)
    error_of(client.post("/api/token", {}, content_type="application/json"), 403)
    whole = by(plain).post("/api/token", {}, content_type="application/json").json()["token"]
    assert by(whole).post("/api/orchestration/1/start").status_code == 404
    error_of(by(make_key("reader", "viewer")[1]).post("/api/token", {"scopes": ["admin"]},
                                                      content_type="application/json"), 403)
    assert Event.objects.filter(actor="key:ci").count() == 0
    assert ApiKey.objects.get(name="ci").last_used_at


def test_a_token_ends_with_its_key():
    key = make_key("ci", "viewer")[0]
    token = make_token(key)[0]
    assert find_by_token(token).pk == key.pk
    rotate_key(key)
    assert find_by_token(token) is None
    key.refresh_from_db()
    token = make_token(key)[0]
    assert find_by_token(token)
    revoke_key(key)
    assert find_by_token(token) is None


def test_a_token_that_was_made_up_is_none(settings):
    key = make_key("ci", "viewer")[0]
    good = {"aud": f"hub:{settings.HUB_ID}", "sub": key.public_id, "iat": timezone.now(), "scopes": ["admin"],
            "exp": timezone.now() + timedelta(minutes=5)}
    heads = {"kid": key.public_id}
    none = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
                    for part in ({"alg": "none", "kid": key.public_id}, {**good, "iat": 1, "exp": 9_999_999_999}))
    wrong = [
        jwt.encode(good, "a secret of thirty-two bytes, or more", "HS256", headers=heads),
        jwt.encode(good, key.secret_hash, "HS256", headers=heads),  # what a stolen database holds
        f"{none}.", "x.y.z", "", "a" * 3000, make_token(key)[0] + "x", make_token(key)[0][:-3],
    ]
    for token in wrong:
        assert find_by_token(token) is None
        assert by(token).get("/api/projects").status_code == 401
    token = make_token(key)[0]
    settings.SECRET_KEY = "another"
    assert find_by_token(token) is None


def test_a_token_whose_time_is_over_is_none(settings):
    key, _ = make_key("ci", "viewer", expires_at=timezone.now() + timedelta(seconds=30))
    token = make_token(key, seconds=900)[0]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] <= key.expires_at.timestamp() + 1
    assert find_by_token(make_token(key, seconds=-10)[0]) is None


def test_no_browser_makes_tokens(admin):
    error_of(admin.post("/api/token"), 401)
    error_of(ApiClient().post("/api/token"), 401)
