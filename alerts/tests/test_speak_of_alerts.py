"""Scripts and people at a terminal speak of alerts."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.tests.api_client import error_of
from alerts import channel_actions
from alerts.defaults import DEFAULTS
from alerts.evaluator import evaluate
from alerts.models import Alert, Rule
from alerts.tests.rows import waiting

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_server")]

RULE = {"name": "Long queue", "measure": "tasks.oldest", "bound": 300, "hold": 30}


def command(*words: str) -> str:
    out = StringIO()
    call_command("alert", *words, stdout=out, stderr=out)
    return out.getvalue()


def test_alerts_are_listed_shown_and_acknowledged(api, only_rule):
    only_rule("tasks.depth")
    waiting(1)
    evaluate()
    item, = api("viewer").get("/api/alerts?state=open").json()["items"]
    assert (item["state"], item["name"], item["value"]) == ("firing", "It is bad", 1)
    error_of(api("viewer").post(f"/api/alerts/{item['id']}/acknowledge"), 403)
    done = api("operator").post(f"/api/alerts/{item['id']}/acknowledge").json()
    assert done["acknowledged_by"] == "key:operator of a test"
    error_of(api("operator").post(f"/api/alerts/{item['id']}/acknowledge"), 409)
    assert api("viewer").get(f"/api/alerts/{item['id']}").json()["notifications"] == []
    assert api("viewer").get("/api/alerts?state=resolved").json() == {"items": [], "next_cursor": None}
    error_of(api("viewer").get("/api/alerts/99999999999999999999"), 404)
    error_of(api("viewer").get("/api/alerts?state=odd"), 422)
    assert api("viewer").get("/api/alerts/evaluator").json()["late"] is False


def test_rules_are_made_changed_muted_and_deleted(api):
    error_of(api("viewer").post("/api/alerts/rules", RULE), 403)
    made = api("operator").post("/api/alerts/rules", RULE)
    assert made.status_code == 201
    rule = made.json()
    assert rule["condition"] == "Oldest waiting above 5 min, for 30 s" and rule["channels"] == []
    path = f"/api/alerts/rules/{rule['id']}"
    assert api("operator").patch(path, {"bound": 60}, content_type="application/json").json()["bound"] == 60
    assert api("operator").patch(path, {"level": "error"}, content_type="application/json").json()["hold"] == 30
    assert error_of(api("operator").post("/api/alerts/rules", RULE), 422)["field"] == "name"
    assert error_of(api("operator").post("/api/alerts/rules", {**RULE, "name": "x", "measure": "y"}), 422)[
        "field"] == "measure"
    error_of(api("operator").post("/api/alerts/rules", {**RULE, "name": "x", "bound": "NaN"}), 422)
    until = (timezone.now() + timedelta(hours=2)).isoformat()
    assert api("operator").post(f"{path}/mute", {"until": until}).json()["muted_until"]
    error_of(api("operator").post(f"{path}/mute", {"until": "2020-01-01T00:00:00Z"}), 422)
    assert api("operator").post(f"{path}/unmute").json()["muted_until"] is None
    error_of(api("operator").post(f"{path}/unmute"), 409)
    assert api("operator").delete(path).status_code == 204
    own = Rule.objects.get(builtin="redis")
    error_of(api("operator").delete(f"/api/alerts/rules/{own.pk}"), 409)
    assert len(api("viewer").get("/api/alerts/rules").json()["items"]) == len(DEFAULTS)
    assert "tasks.failure_rate" in [one["key"] for one in api("viewer").get("/api/alerts/measures").json()["items"]]


def test_channels_are_for_admins(api, mailbox):
    body = {"name": "Ops", "kind": "mail", "config": {"to": "ops@example.org"}}
    error_of(api("operator").post("/api/alerts/channels", body), 403)
    made = api("admin").post("/api/alerts/channels", body).json()
    path = f"/api/alerts/channels/{made['id']}"
    assert api("operator").post(f"{path}/test").json() == {"delivered": True, "problem": None}
    mailbox.answer = "554 No"
    assert api("operator").post(f"{path}/test").json()["delivered"] is False
    changed = api("admin").patch(path, {"enabled": False}, content_type="application/json").json()
    assert (changed["enabled"], changed["config"]) == (False, {"to": "ops@example.org"})
    assert error_of(api("admin").post("/api/alerts/channels", body | {"kind": "pigeon"}), 422)["field"] == "kind"
    assert error_of(api("admin").post("/api/alerts/channels", body | {"config": {"cc": "x"}}), 422)["field"] == "cc"
    assert api("admin").delete(path).status_code == 204


def test_the_terminal(only_rule, mailbox):
    rule = only_rule("tasks.depth", name="Full up")
    assert "Rules are not looked at" in command("list")
    waiting(1)
    evaluate()
    with pytest.raises(SystemExit) as ended:
        command("list")
    assert ended.value.code == 1
    alert = Alert.objects.get()
    assert command("ack", str(alert.pk)) == "Full up is acknowledged.\n"
    with pytest.raises(CommandError, match="acknowledged it already"):
        command("ack", str(alert.pk))
    assert "is muted until" in command("mute", "Full up", "--for", "2h")
    assert "muted" in command("rules")
    assert json.loads(command("unmute", str(rule.pk), "--json"))["muted_until"] is None
    channel_actions.create("Ops", "mail", {"to": "ops@example.org"})
    assert command("test", "Ops") == "Ops has the message.\n"
    with pytest.raises(CommandError, match="There is no channel"):
        command("test", "Nobody")
