"""People look at alerts, make rules, and look after what fires."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.tests.people import signed_in
from alerts import channel_actions
from alerts.evaluator import evaluate
from alerts.models import Alert, Channel, Rule
from alerts.tests.rows import waiting
from events.models import Event

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_server")]

RULE = {"name": "Long queue", "measure": "tasks.oldest", "compare": "above", "bound": "5 min", "resolve_bound": "60",
        "hold": "30 s", "calm": "1 min", "window": "10 min", "minimum": "0", "level": "error", "enabled": "on"}


def test_the_list_says_what_fires_and_that_nobody_looks():
    browser = signed_in("viewer")
    page = browser.get("/alerts/").content.decode()
    assert "Rules were never looked at." in page and "Many tasks fail" in page
    waiting(12)
    Rule.objects.filter(builtin="depth").update(hold=0)
    evaluate()
    page = browser.get("/alerts/").content.decode()
    assert "never looked at" not in page
    assert "Tasks waiting: 12" in page and "Acknowledge" not in page


def test_every_page_has_the_banner_until_somebody_looks_after_it(only_rule):
    only_rule("tasks.depth", name="Full up")
    waiting(1)
    evaluate()
    browser = signed_in("operator")
    for path in ("/", "/tasks/", "/events/", "/alerts/channels/"):
        assert "Full up" in browser.get(path).content.decode(), path
    alert = Alert.objects.get()
    answer = browser.post(f"/alerts/{alert.pk}/acknowledge/", {"to": "detail"})
    assert answer["Location"] == f"/alerts/{alert.pk}/"
    assert "Tasks waiting: 1" not in browser.get("/tasks/").content.decode()
    assert "operator looks after it" in browser.get(f"/alerts/{alert.pk}/").content.decode()
    assert Event.objects.get(subject__endswith=".alert.acknowledged").actor == "operator"


def test_the_banner_costs_no_query_where_only_a_fragment_is_polled(only_rule):
    only_rule("tasks.depth")
    browser = signed_in("viewer")
    browser.get("/tasks/drift/")
    for path in ("/tasks/schedules/table/", "/pulse/"):
        with CaptureQueriesContext(connection) as seen:
            browser.get(path)
        assert not [one for one in seen if "alerts_alert" in one["sql"]], path


def test_the_banner_comes_and_goes_on_an_open_page(only_rule):
    only_rule("tasks.depth", name="Full up")
    browser = signed_in("viewer")
    page = browser.get("/alerts/banner/")
    assert page.status_code == 200 and "Full up" not in page.content.decode()
    version = page.content.decode().partition("?v=")[2][:8]
    assert browser.get("/alerts/banner/", {"v": version}).status_code == 204
    waiting(1)
    evaluate()
    assert "Full up" in browser.get("/alerts/banner/", {"v": version}).content.decode()


def test_a_rule_is_typed_with_units_and_changed():
    browser = signed_in("operator")
    assert browser.post("/alerts/rules/new/", RULE).status_code == 302
    rule = Rule.objects.get(name="Long queue")
    assert (rule.bound, rule.resolve_bound, rule.hold, rule.calm, rule.level) == (300, 60, 30, 60, "error")
    page = browser.get(f"/alerts/rules/{rule.pk}/").content.decode()
    assert 'value="5 min"' in page and "Oldest waiting above 5 min, for 30 s" in page
    assert browser.post(f"/alerts/rules/{rule.pk}/", RULE | {"bound": "1 h", "enabled": ""}).status_code == 302
    rule.refresh_from_db()
    assert (rule.bound, rule.enabled) == (3600, False)
    made, changed = Event.objects.filter(subject__contains=".alert.rule-").order_by("id")
    assert made.actor == "operator" and changed.payload["before"] == {"bound": 300.0, "enabled": True}
    assert browser.post(f"/alerts/rules/{rule.pk}/delete/").status_code == 302
    assert not Rule.objects.filter(pk=rule.pk).exists()


@pytest.mark.parametrize(("wrong", "said"), [
    ({"bound": "much"}, "is no value of this measure"),
    ({"bound": ""}, "is no value of this measure"),
    ({"resolve_bound": "6 min"}, "would end while it still fires"),
    ({"hold": "3 weeks"}, "is no length of time"),
    ({"hold": "2 d"}, "Use 0 to 1 days."),
    ({"window": "1 s"}, "Use 10 s to 30 days."),
    ({"minimum": "-1"}, "Give a whole number."),
    ({"measure": "no.such"}, "Choose what is measured."),
    ({"name": ""}, "Give its name."),
    ({"name": "Tasks pile up"}, "There is a rule named"),
    ({"lane": "fast"}, "There is no lane"),
    ({"measure": "disk.free", "bound": "1 GB", "resolve_bound": "", "lane": "reports"}, "is not measured by lane"),
    ({"level": "dire"}, "The level is"),
])
def test_what_cannot_be_a_rule_is_said_beside_its_field(wrong, said):
    answer = signed_in("operator").post("/alerts/rules/new/", RULE | wrong)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Rule.objects.filter(name="Long queue").exists()


def test_a_rule_is_muted_for_a_while_and_unmuted():
    browser, rule = signed_in("operator"), Rule.objects.get(builtin="depth")
    browser.post(f"/alerts/rules/{rule.pk}/mute/", {"length": "4 h"})
    rule.refresh_from_db()
    assert rule.is_muted() and rule.muted_by == "operator"
    assert "nobody is told" in browser.get(f"/alerts/rules/{rule.pk}/").content.decode()
    browser.post(f"/alerts/rules/{rule.pk}/unmute/")
    rule.refresh_from_db()
    assert not rule.is_muted()


def test_an_admin_makes_a_channel_and_tries_it(mailbox):
    browser = signed_in("admin")
    answer = browser.post("/alerts/channels/new/", {"kind": "mail", "name": "Ops", "config-to": "nobody"})
    assert answer.status_code == 422 and "is no address of mail" in answer.content.decode()
    browser.post("/alerts/channels/new/", {"kind": "mail", "name": "Ops", "config-to": "ops@example.org"})
    channel = Channel.objects.get()
    browser.post(f"/alerts/channels/{channel.pk}/test/")
    assert mailbox.subjects == ["[Hub] Test: this channel works"]
    assert "Works" in browser.get("/alerts/channels/").content.decode()
    browser.post(f"/alerts/channels/{channel.pk}/", {"name": "Ops", "config-to": "o@example.org"})
    channel.refresh_from_db()
    assert channel.config == {"to": "o@example.org"} and not channel.enabled
    browser.post(f"/alerts/channels/{channel.pk}/delete/")
    assert not Channel.objects.exists()
    assert "example.org" not in str(list(Event.objects.values_list("payload", flat=True)))


def test_the_history_is_kept_and_narrowed_to_a_rule(only_rule):
    rule = only_rule("tasks.depth", name="Full up")
    waiting(1)
    evaluate()
    browser = signed_in("viewer")
    assert "Full up" in browser.get("/alerts/history/").content.decode()
    assert "Full up" in browser.get(f"/alerts/history/?rule={rule.pk}").content.decode()
    assert browser.get("/alerts/history/?rule=77777").status_code == 404
    assert browser.get("/alerts/history/?cursor=none").status_code == 400


def test_who_may_do_what(mailbox, only_rule):
    rule, channel = only_rule("tasks.depth"), channel_actions.create("Ops", "mail", {"to": "ops@example.org"})
    viewer = signed_in("viewer")
    for path in ("/alerts/", "/alerts/live/", "/alerts/banner/", "/alerts/history/", f"/alerts/rules/{rule.pk}/",
                 "/alerts/channels/"):
        assert viewer.get(path).status_code == 200, path
    for path in ("/alerts/rules/new/", f"/alerts/rules/{rule.pk}/delete/", "/alerts/channels/new/",
                 f"/alerts/channels/{channel.pk}/"):
        assert viewer.get(path).status_code == 403, path
    for path in (f"/alerts/rules/{rule.pk}/", f"/alerts/rules/{rule.pk}/mute/", f"/alerts/channels/{channel.pk}/test/"):
        assert viewer.post(path).status_code == 403, path
    operator = signed_in("operator")
    assert operator.get(f"/alerts/channels/{channel.pk}/").status_code == 403
    assert operator.post(f"/alerts/channels/{channel.pk}/test/").status_code == 302
    assert operator.get(f"/alerts/rules/{rule.pk}/").status_code == 200
