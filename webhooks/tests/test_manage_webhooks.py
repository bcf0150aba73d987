"""Webhooks are made, looked at, changed and deleted: on pages, in the API, in the admin site and by command."""

from __future__ import annotations

import io
import json
import re

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.tests.api_client import error_of
from accounts.tests.people import signed_in
from events.models import Event
from webhooks.models import Delivery, State, Subscription
from webhooks.tests.conftest import passes, say

pytestmark = pytest.mark.django_db
URL = "/api/webhooks"


def told(action: str) -> Event:
    return Event.objects.filter(subject__endswith=f".webhook.{action}").order_by("-id").first()


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("webhook", *words, stdout=out)
    return out.getvalue()


def test_a_script_makes_one_and_reads_what_it_was_sent(redis_server, api, target):
    operator = api("operator")
    made = operator.post(URL, {"name": "Shop", "subject": "shop.>", "url": target.url("/hook?key=hidden")})
    assert made.status_code == 201, made.content
    body = made.json()
    assert body["secret"].startswith("whsec_") and body["subject"].endswith(".shop.>") and body["state"] == "on"
    one = f"{URL}/{body['id']}"
    shown = operator.get(one).json()
    assert "secret" not in shown and shown["url"] == target.url("/hook?key=hidden")
    assert api("viewer").get(one).json()["url"] == f"http://127.0.0.1:{target.port}/…"
    (key,) = say("first")
    passes()
    (row,) = api("viewer").get(f"{one}/deliveries").json()["items"]
    assert (row["event"], row["status"], row["succeeded"], row["replay"]) == (key, 200, True, False)
    again = operator.post(f"{one}/deliveries/{row['id']}/replay", {})
    assert again.status_code == 202 and again.json()["task_id"]
    passes()
    assert [item["replay"] for item in operator.get(f"{one}/deliveries?order=asc").json()["items"]] == [False, True]
    assert operator.get(f"{one}/deliveries?limit=1").json()["next_cursor"]
    assert len(target.received) == 2

    assert operator.patch(one, json.dumps({"paused": True})).json()["state"] == "paused"
    assert operator.patch(one, json.dumps({"paused": False, "position": 0})).json()["position"] == 0
    assert operator.patch(one, json.dumps({"name": "Store", "subject": ">"})).json()["name"] == "Store"
    new = operator.post(f"{one}/secret", {}).json()["secret"]
    assert new != body["secret"] and new.startswith("whsec_")
    assert operator.delete(one).status_code == 204
    assert error_of(operator.get(one), 404) and not Delivery.objects.exists()
    for action in ("created", "paused", "resumed", "moved", "changed", "secret-changed", "replayed", "deleted"):
        event = told(action)
        assert (event.actor, event.origin, event.address) == ("key:operator of a test", "api", "127.0.0.1"), action
        assert "hidden" not in json.dumps(event.payload)
    changed = told("changed").payload
    assert changed["before"] == {"name": "Shop", "subject": body["subject"]} and changed["after"]["name"] == "Store"


@pytest.mark.parametrize(("field", "value", "words"), [
    ("name", "", "needs a name"), ("name", "x" * 101, "at most 100"), ("subject", "a b", "part 1"),
    ("subject", "shop..x", "empty"), ("subject", "shop.>.x", "only stand at the end"), ("subject", "", "empty"),
    ("url", "http://localhost:9/x", "this machine itself"), ("url", "http://169.254.169.254/", "network segment"),
    ("url", "http://10.0.0.1/", "private"), ("url", "file:///etc/passwd", "https://"), ("url", "", "empty"),
    ("url", "http://[::1]/", "this machine itself"), ("url", "http://no-such-host.invalid/", "cannot be found"),
    ("secret", "hunter2", "whsec_"), ("secret", "whsec_YQ==", "24 to 64"),
])  # fmt: skip
def test_what_makes_no_webhook_is_refused_in_words(api, field, value, words):
    wish = {"name": "Shop", "subject": "shop.>", "url": "https://8.8.8.8/hook", field: value}
    error = error_of(api("operator").post(URL, wish), 422)
    assert error["field"] == field and words in error["message"]
    assert "hunter2" not in error["message"] and not Subscription.objects.exists()


def test_a_name_is_taken_once_and_unknown_ids_are_404(api, hook, target):
    operator = api("operator")
    error = error_of(operator.post(URL, {"name": "Shop", "subject": ">", "url": target.url()}), 422)
    assert error["field"] == "name" and "already" in error["message"]
    for key in (hook.pk + 1, 1 << 70):
        assert error_of(operator.get(f"{URL}/{key}"), 404)
    assert error_of(operator.post(f"{URL}/{hook.pk}/deliveries/{1 << 70}/replay", {}), 404)
    assert error_of(operator.patch(f"{URL}/{hook.pk}", json.dumps({"position": 10**9})), 422)["field"] == "position"
    assert error_of(operator.patch(f"{URL}/{hook.pk}", json.dumps({"paused": "yes"})), 422)["field"] == "paused"


def test_viewers_look_and_only_operators_act(api, hook):
    viewer, delivery = api("viewer"), f"{URL}/{hook.pk}/deliveries/1/replay"
    assert viewer.get(URL).status_code == viewer.get(f"{URL}/{hook.pk}/deliveries").status_code == 200
    for answer in (viewer.post(URL, {}), viewer.patch(f"{URL}/{hook.pk}", "{}"), viewer.delete(f"{URL}/{hook.pk}"),
                   viewer.post(f"{URL}/{hook.pk}/secret", {}), viewer.post(delivery, {})):
        assert error_of(answer, 403)
    assert error_of(api().get(URL), 401)
    page = signed_in("viewer")
    shown = page.get(f"/webhooks/{hook.pk}/").text
    assert "key=hidden" not in shown and 'id="webhook"' not in shown
    for path in ("new/", f"{hook.pk}/delete/"):
        assert page.get(f"/webhooks/{path}").status_code == 403
    for path in ("new/", "", "pause/", "resume/", "skip/", "secret/", "delete/", "deliveries/1/replay/"):
        assert page.post(f"/webhooks/{path if path == 'new/' else f'{hook.pk}/{path}'}").status_code == 403
    assert Client().get(f"/webhooks/{hook.pk}/").status_code == 302


def test_an_operator_does_all_of_it_on_the_pages(redis_server, target):
    person = signed_in("operator")
    assert "No webhooks yet" in person.get("/webhooks/").text
    wish = {"name": "Shop", "subject": "shop.>", "url": target.url("/hook")}
    refused = person.post("/webhooks/new/", {**wish, "url": "http://10.0.0.1/"})
    assert refused.status_code == 422 and "a private or reserved network" in refused.text
    made = person.post("/webhooks/new/", wish)
    secret = re.search(r"whsec_[\w+/=]+", made.text)[0]
    row = Subscription.objects.get()
    page = f"/webhooks/{row.pk}/"
    assert secret not in person.get(page).text and made["Cache-Control"] == "no-store"
    target.answer = lambda one: (500, {}, b"<b>no</b>")
    say("first")
    passes()
    shown = person.get(page).text
    assert "1 try in a row failed" in shown and "It answered 500." in shown and "&lt;b&gt;no" in shown
    assert "Failing" in person.get("/webhooks/").text
    target.answer = lambda one: (200, {}, b"")
    stuck = Event.objects.get(payload__word="first").position
    assert f"Leave out the event at {stuck}" in shown
    person.post(f"{page}skip/", {"position": stuck})
    row.refresh_from_db()
    assert (row.position >= stuck, row.failures) == (True, 0)
    version = person.get(page).context["version"]
    assert person.get(f"{page}log/?v={version}").status_code == 204
    delivery = Delivery.objects.get()
    assert "sent once more" in person.post(f"{page}deliveries/{delivery.pk}/replay/", follow=True).text
    passes()
    fragment = person.get(f"{page}log/?v={version}")
    assert "once more" in fragment.text and "<html" not in fragment.text
    assert "is paused" in person.post(f"{page}pause/", follow=True).text
    assert "goes on" in person.post(f"{page}resume/", follow=True).text
    assert "is changed" in person.post(page, {**wish, "name": "Store"}, follow=True).text
    wrong = person.post(page, {**wish, "subject": "a b"})
    assert wrong.status_code == 422 and 'value="a b"' in wrong.text
    assert re.search(r"whsec_[\w+/=]+", person.post(f"{page}secret/").text)[0] != secret
    assert "Delete Store?" in person.get(f"{page}delete/").text
    assert "is deleted" in person.post(f"{page}delete/", follow=True).text


def test_the_admin_site_has_the_same_rules(target):
    admin = signed_in("admin")
    refused = admin.post("/admin/webhooks/subscription/add/", {
        "name": "Shop", "subject": "shop.>", "url": "http://10.0.0.1/"})
    assert "a private or reserved network" in refused.text and not Subscription.objects.exists()
    made = admin.post("/admin/webhooks/subscription/add/", {"name": "Shop", "subject": "shop.>",
                                                               "url": target.url("/?key=hidden")}, follow=True)
    assert "The secret is whsec_" in made.text
    assert "key=hidden" not in json.dumps(list(Event.objects.values_list("payload", flat=True)))
    row = Subscription.objects.get()
    admin.post(f"/admin/webhooks/subscription/{row.pk}/change/", {"name": "Store", "subject": ">", "url": target.url()})
    row.refresh_from_db()
    assert (row.name, row.subject) == ("Store", ">") and told("changed").actor == "admin"
    assert admin.get("/admin/webhooks/delivery/").status_code == 200
    admin.post(f"/admin/webhooks/subscription/{row.pk}/delete/", {"post": "yes"})
    assert not Subscription.objects.exists() and told("deleted").origin == "admin"


def test_all_of_it_by_command(redis_server, target):
    secret = run("create", "Shop", "shop.>", target.url()).strip()
    assert secret.startswith("whsec_")
    assert json.loads(run("list", "--json"))["state"] == "on"
    say("first")
    passes()
    number = run("log", "Shop").split()[0]
    assert json.loads(run("log", "Shop", "--json"))["status"] == 200
    run("replay", number)
    passes()
    assert len(target.received) == 2
    run("pause", "Shop")
    assert Subscription.objects.get().state == State.PAUSED
    run("resume", "Shop", "--after", "0")
    run("change", "Shop", "--new-name", "Store", "--subject", "shop.*")
    assert run("secret", "Store").strip() not in ("", secret)
    assert told("changed").origin == "command" and told("changed").actor.startswith("command:")
    run("delete", "Store")
    assert run("list") == ""
    with pytest.raises(CommandError, match="no webhook named 'Store'"):
        run("pause", "Store")


def test_a_part_of_history_is_sent_once_more_by_command(redis_server, hook, target):
    say("first", "second", "third")
    passes()
    target.received.clear()
    out = io.StringIO()
    call_command("events", "replay", "--to", "webhook", "--subject", "hub.*.shop.second", stdout=out)
    assert "1 deliveries were taken." in out.getvalue() and len(target.received) == 1
    call_command("events", "replay", "--to", "webhook", "--webhook", "Shop", stdout=io.StringIO())
    words = [json.loads(one.body)["payload"].get("word") for one in target.received]
    assert words == ["second", "first", "second", "third"]  # what is not of its own pattern is left out
    assert told("replayed").payload["webhooks"] == ["Shop"]
    target.answer = lambda one: (500, {}, b"")
    with pytest.raises(CommandError, match="It answered 500"):
        call_command("events", "replay", "--to", "webhook", stdout=io.StringIO())
    with pytest.raises(CommandError, match="no webhook named"):
        call_command("events", "replay", "--to", "webhook", "--webhook", "Other")
