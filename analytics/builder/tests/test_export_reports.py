"""Reports leave Hub: as files, by mail and by webhook."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json

import pytest
from django.http import QueryDict
from pyarrow import parquet

from accounts.tests.api_client import error_of
from accounts.tests.people import signed_in
from alerts import channel_actions
from alerts.tests.mailbox import listening
from alerts.tests.rows import ended, waiting
from analytics.builder import actions, delivery
from analytics.builder.definition import read
from analytics.builder.errors import BadReport
from analytics.builder.jobs import SendReport
from analytics.builder.models import SavedReport
from events.models import Event
from tasks.actions import enqueue
from tasks.errors import BadTask
from tasks.models import Task
from tasks.runner import run_task
from tasks.schedules.models import Schedule
from tasks.states import TaskState

pytestmark = pytest.mark.django_db
EXPORT = "/api/analytics/export"


def whole(answer) -> bytes:
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


@pytest.fixture
def mailbox(settings):
    with listening() as box:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        yield box


def test_csv_begins_no_formula_and_keeps_numbers(api):
    waiting(1, title="=HYPERLINK(1)", params={"token": "abc", "n": -1})
    waiting(1, title="-2+3", priority=1)
    answer = api("viewer").get(f"{EXPORT}?dataset=tasks&fields=name,priority,params&sort=priority&format=csv")
    assert answer["Content-Type"].startswith("text/csv")
    assert "attachment" in answer["Content-Disposition"]
    lines = list(csv.reader(io.StringIO(whole(answer).decode())))
    assert lines[:2] == [["name", "priority", "params"], ["'-2+3", "1", "{}"]]
    *first, params = lines[2]
    assert first == ["'=HYPERLINK(1)", "5"] and json.loads(params) == {"token": "••••", "n": -1}


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_no_cell_begins_a_formula_in_any_column_of_text(api, begin):
    waiting(1, title=f"{begin}cmd", subject=f"{begin}cmd")
    for query in ("fields=name,subject", "group=subject&measure=count"):
        head, cells = list(csv.reader(io.StringIO(whole(api("viewer").get(f"{EXPORT}?{query}")).decode(), newline="")))
        assert cells[0] == f"'{begin}cmd" and len(cells) == len(head)


def test_json_and_parquet_hold_the_same(api):
    ended(3, ran=1.5)
    waiting(1)
    asked = f"{EXPORT}?dataset=tasks&fields=job,run,created_at&sort=run"
    items = json.loads(whole(api("viewer").get(f"{asked}&format=json")))
    assert [one["run"] for one in items] == [1.5, 1.5, 1.5, None]
    table = parquet.read_table(io.BytesIO(whole(api("viewer").get(f"{asked}&format=parquet"))))
    assert table.to_pylist() == items


def test_nothing_is_an_empty_file(api):
    assert whole(api("viewer").get(f"{EXPORT}?dataset=events&q=none.at.all&format=json")) == b"[]\n"
    head = whole(api("viewer").get(f"{EXPORT}?dataset=attempts&fields=task,run")).decode()
    assert head == "task,run\r\n"
    found = whole(api("viewer").get(f"{EXPORT}?dataset=projects&format=parquet"))
    assert parquet.read_table(io.BytesIO(found)).num_rows == 0


def test_more_rows_than_are_read_at_a_time(api):
    ended(4321, job="demo.many")
    answer = api("viewer").get(f"{EXPORT}?fields=id,job&q=job:demo.many&format=json")
    found = json.loads(whole(answer))
    assert len({one["id"] for one in found}) == 4321
    grouped = whole(api("viewer").get(f"{EXPORT}?group=job&measure=count&format=csv")).decode()
    assert grouped == "job,count\r\ndemo.many,4321\r\n"


def test_what_cannot_be_exported_is_told(api):
    assert error_of(api("viewer").get(f"{EXPORT}?dataset=people"), 422)["field"] == "dataset"
    assert error_of(api("viewer").get(f"{EXPORT}?format=xlsx"), 422)["field"] == "format"
    assert error_of(api("viewer").get(f"{EXPORT}?fields=none"), 422)["hint"].startswith("Use id, job")
    assert [one["name"] for one in api("viewer").get("/api/analytics/datasets").json()["items"]] == [
        "attempts", "events", "projects", "sprints", "tasks"]
    page = signed_in("viewer").get("/analytics/reports/export/?format=xlsx")
    assert page.status_code == 302


def test_a_report_is_kept_shared_and_deleted():
    browser = signed_in("operator")
    answer = browser.post("/analytics/reports/keep/", {"name": "Failures", "query": "group=job&measure=failure_rate"})
    saved = SavedReport.objects.get()
    assert answer["Location"] == saved.get_absolute_url()
    assert "Failures" in browser.get(answer["Location"]).content.decode()
    assert "Failures" in browser.get("/analytics/reports/").content.decode()
    with pytest.raises(BadReport, match="already"):
        actions.keep("Failures", "dataset=tasks")
    with pytest.raises(BadReport, match="no data set"):
        actions.keep("Others", "dataset=none")
    assert browser.post(f"/analytics/reports/{saved.pk}/delete/").status_code == 302
    assert not SavedReport.objects.exists()
    assert [one.subject.rpartition(".")[2] for one in Event.objects.filter(subject__contains=".report.").order_by("id")
            ] == ["kept", "removed"]


@pytest.mark.django_db(transaction=True)
def test_a_schedule_sends_it_by_mail_with_the_file(mailbox):
    ended(2, TaskState.FAILED, job="shop.build")
    channel = channel_actions.create("Team", "mail", {"to": "team@example.org"})
    saved = actions.keep("Failures", "q=job:shop.build&group=job&measure=count,failure_rate")
    browser = signed_in("operator")
    browser.post(f"/analytics/reports/{saved.pk}/schedule/", {"channel": channel.pk, "cron": "0 7 * * mon"})
    schedule = Schedule.objects.get(job="analytics.report")
    assert schedule.params == {"report": saved.pk, "channel": channel.pk}
    assert Event.objects.filter(subject__endswith=".schedule.created", payload__schedule=schedule.pk).exists()
    assert "0 7 * * mon" in browser.get(saved.get_absolute_url()).content.decode()
    task = enqueue(SendReport, schedule.params)
    assert run_task(str(task.pk)) == "succeeded"
    assert Task.objects.get(pk=task.pk).result == {"rows": 1, "channel": "Team"}
    mail, = mailbox.mails
    assert mail["Subject"] == "[Hub] Failures"
    file, = mail.iter_attachments()
    assert file.get_content().replace("\r\n", "\n") == "job,count,failure_rate\nshop.build,2,100.0\n"
    actions.remove(saved)
    assert not Schedule.objects.filter(job="analytics.report").exists()


def test_a_schedule_sends_it_to_a_webhook_as_json_once_and_again_when_it_was_not_taken(receiver, may_send_here):
    ended(2, TaskState.FAILED, job="shop.build", params={"token": "abc"})
    hook = receiver()
    channel = channel_actions.create("Hook", "webhook", {"url": hook.url(), "secret": "quiet"})
    saved = actions.keep("Failures", "q=job:shop.build&group=job&measure=count,p95:run")
    task = enqueue(SendReport, actions.send_by_schedule(saved, channel.pk, "0 7 * * mon").params)
    hook.answer = lambda one: (503, {}, b"later")
    assert run_task(str(task.pk)) == "scheduled"
    Task.objects.filter(pk=task.pk).update(state=TaskState.QUEUED)
    hook.answer = lambda one: (200, {}, b"ok")
    assert run_task(str(task.pk)) == "succeeded"
    first, second = hook.received
    assert first.body == second.body and first.headers["idempotency-key"] == second.headers["idempotency-key"]
    digest = hmac.new(b"quiet", second.body, hashlib.sha256).hexdigest()
    assert second.headers["x-hub-signature"] == f"sha256={digest}"
    told = json.loads(second.body)
    assert told["report"] == "Failures" and told["more"] is False
    assert told["items"] == [{"job": "shop.build", "count": 2, "p95:run": 1.0}]
    assert told["url"].endswith(saved.get_absolute_url())


def test_a_schedule_that_could_not_run_is_refused(mailbox):
    saved = actions.keep("Failures", "group=job")
    channel = channel_actions.create("Team", "mail", {"to": "team@example.org"})
    for number, cron in ((channel.pk, "soon"), (9999, "0 7 * * mon")):
        with pytest.raises(BadReport):
            actions.send_by_schedule(saved, number, cron)
    with pytest.raises(BadTask, match="There is no report"):
        enqueue(SendReport, {"report": 9999, "channel": channel.pk})


def test_only_the_first_rows_are_sent(mailbox, monkeypatch):
    waiting(5)
    monkeypatch.setattr(delivery, "MOST_ROWS", 3)
    saved = actions.keep("Many", "dataset=tasks")
    channel = channel_actions.create("Team", "mail", {"to": "team@example.org"})
    assert delivery.send(channel, saved, read(QueryDict(saved.query)), "k") == 3
    body = mailbox.mails[0].get_body().get_content()
    assert "3 rows (the first of more)" in body and Task.objects.count() == 5
