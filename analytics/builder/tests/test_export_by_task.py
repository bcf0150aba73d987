"""A report is made as a file by a task, fetched, and gone after a while."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Access
from accounts.tests.api_client import error_of
from accounts.tests.people import person, signed_in
from alerts.tests.rows import ended, waiting
from analytics.builder import exports, making, storing
from analytics.builder.models import Export
from analytics.builder.sweeping import sweep
from conftest import process_environment
from events.models import Event
from tasks import actions, progress
from tasks.models import Task
from tasks.runner import run_task
from tasks.states import TaskState

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_server")]
EXPORTS, STREAMED = "/api/analytics/exports", "/api/analytics/export"
# Writes a piece, and waits to be killed.
WRITER = """
import django, time; django.setup()
from analytics.builder import storing
def pieces():
    yield b"half" * 100_000
    time.sleep(600)
storing.write("killed.csv", 1, pieces())
"""


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    """Files of other tests are not swept, and these lie where nobody else looks."""
    settings.HUB_DATA = tmp_path


def asked(api, query: str = "dataset=tasks&fields=job,run&sort=run", name: str = "csv") -> dict:
    answer = api("operator").post(EXPORTS, {"query": query, "format": name})
    assert answer.status_code == 202, answer.content
    return answer.json()


def made(export: dict) -> str:
    return run_task(export["task_id"])


def whole(answer) -> bytes:
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def facts() -> list[str]:
    found = Event.objects.filter(subject__contains=".report.").order_by("id")
    return [one.subject.rpartition(".")[2] for one in found]


@pytest.mark.parametrize("name", ["csv", "json", "parquet"])
def test_the_file_holds_what_a_streamed_export_does(api, name):
    ended(30, ran=1.5)
    query = "dataset=tasks&fields=job,name,run,finished_at&q=job:demo.sleep"
    export = asked(api, query, name)
    assert (export["state"], export["url"], export["rows"]) == ("queued", None, None)
    assert "not made yet" in error_of(api("viewer").get(f"{EXPORTS}/{export['id']}/file"), 409)["message"]
    assert made(export) == "succeeded"
    found = api("viewer").get(f"{EXPORTS}/{export['id']}").json()
    assert (found["state"], found["rows"], found["progress"]) == ("made", 30, 100.0)
    file = whole(api("viewer").get(found["url"]))
    assert file == whole(api("viewer").get(f"{STREAMED}?{query}&format={name}")) and len(file) == found["size"]
    task = Task.objects.get(pk=export["task_id"])
    assert task.steps[0]["done"] == 30 and task.steps[0]["total"] == 30
    assert facts() == ["export-begun", "exported", "export-read"]


def test_it_is_for_hubs_user_alone_and_leads_from_the_page_of_its_task(api):
    ended(1)
    export = asked(api)
    made(export)
    file, = storing.folder().iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(storing.folder().stat().st_mode) == 0o700
    browser = signed_in("viewer")
    link = f'href="/analytics/reports/exports/{export["id"]}/"'
    for page in (f"/tasks/{export['task_id']}/", "/analytics/reports/", f"/analytics/reports/build/?{export['query']}"):
        assert link in browser.get(page).content.decode(), page
    answer = browser.get(f"/analytics/reports/exports/{export['id']}/")
    assert whole(answer).startswith(b"job,run\r\n") and "attachment" in answer["Content-Disposition"]
    assert answer["Cache-Control"] == "no-store"


def test_the_list_is_polled_while_one_is_being_made_and_answered_204_while_nothing_changed(api):
    browser, export = signed_in("viewer"), asked(api)
    page = browser.get("/analytics/reports/").content.decode()
    url = re.search(r'hx-get="(/analytics/reports/exports/[^"]+)"', page)[1].replace("&amp;", "&")
    assert browser.get(url).status_code == 204
    made(export)
    changed = browser.get(url).content.decode()
    assert export["id"] in changed and "hx-get" not in changed


def test_asking_twice_is_one_task_until_it_has_ended(api):
    first, again, other = asked(api), asked(api), asked(api, name="json")
    assert first["id"] == again["id"] != other["id"]
    assert Task.objects.count() == 2
    made(first)
    assert asked(api)["id"] != first["id"]


def test_what_cannot_be_is_refused_before_there_is_a_task(api):
    for query, name, field in (("dataset=people", "csv", "dataset"), ("group=job", "xlsx", "format"),
                               ("q=colour:red", "csv", "q"), ("since=2026-03-02&until=2026-03-01", "csv", "until")):
        assert error_of(api("operator").post(EXPORTS, {"query": query, "format": name}), 422)["field"] == field
    assert not Task.objects.exists() and not Export.objects.exists()
    assert error_of(api("viewer").get(f"{EXPORTS}/{uuid.uuid4()}"), 404)
    page = signed_in("operator").post("/analytics/reports/exports/begin/", {"query": "dataset=none", "format": "csv"})
    assert page.status_code == 302 and not Task.objects.exists()


def test_what_was_made_for_one_who_may_see_parameters_is_only_for_such(api):
    waiting(1, params={"colour": "red"})
    user = person("operator", "lena")
    Access.objects.create(user=user, payloads=False)
    lena = Client()
    lena.force_login(user)
    export = asked(api, "dataset=tasks&fields=params")
    made(export)
    assert b"red" in whole(api("viewer").get(f"{EXPORTS}/{export['id']}/file"))
    assert error_of(lena.get(f"{EXPORTS}/{export['id']}/file"), 403)["message"].endswith("you may not.")
    assert lena.get(f"/analytics/reports/exports/{export['id']}/").status_code == 403
    # What she asks for finds no more than she may see, and everybody may read it.
    lena.post("/analytics/reports/exports/begin/", {"query": "fields=params", "format": "csv"})
    assert Export.objects.count() == 1
    lena.post("/analytics/reports/exports/begin/", {"query": "dataset=tasks&fields=job", "format": "csv"})
    own = Export.objects.get(created_by="lena")
    run_task(str(Task.objects.get(subject=own.subject).pk))
    assert whole(lena.get(f"/analytics/reports/exports/{own.pk}/")).startswith(b"job\r\n")


def test_a_process_that_is_killed_leaves_no_half_file_and_the_next_attempt_makes_it_whole(tmp_path, eventually):
    environ = {**process_environment(), "HUB_DATA": str(tmp_path)}
    writer = subprocess.Popen([sys.executable, "-c", WRITER], env=environ, cwd=os.getcwd())
    part = tmp_path / "exports" / "killed.csv.1.part"
    try:
        eventually(lambda: part.exists() and part.stat().st_size, 60, "It never began to write.")
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert [one.name for one in part.parent.iterdir()] == [part.name]
    assert storing.write("killed.csv", 2, iter([b"who", b"le"])) == 5
    assert [one.read_bytes() for one in part.parent.iterdir()] == [b"whole"]


def test_a_full_disk_is_told_and_leaves_nothing(api, monkeypatch):
    ended(1)
    export = asked(api)
    # The kernel says it: there is no room on this device, ever.
    (storing.folder() / f"{export['id']}.csv.1.part").symlink_to("/dev/full")
    assert made(export) == "failed"
    assert api("viewer").get(f"{EXPORTS}/{export['id']}").json()["error"] == (
        "The disk is full. Free some space in the data folder, or export less.")
    assert list(storing.folder().iterdir()) == []
    monkeypatch.setattr(storing, "LEAST_FREE", 1 << 62)
    export = asked(api)
    assert made(export) == "failed"
    assert Task.objects.get(pk=export["task_id"]).error.startswith("The disk is nearly full:")
    assert list(storing.folder().iterdir()) == []


def test_one_that_is_cancelled_half_way_leaves_nothing_and_can_be_asked_for_again(api, monkeypatch):
    ended(1)
    export = asked(api)
    read = making.parts

    def slow(report):
        yield from read(report)
        actions.cancel(Task.objects.get(pk=export["task_id"]))
        yield from read(report)

    monkeypatch.setattr(making, "parts", slow)
    monkeypatch.setattr(progress, "CHECK_INTERVAL", 0)
    assert made(export) == "cancelled"
    assert list(storing.folder().iterdir()) == []
    monkeypatch.setattr(making, "parts", read)
    again = asked(api)
    assert again["id"] != export["id"] and made(again) == "succeeded"


def test_one_that_is_deleted_takes_its_task_and_file_along(api, django_capture_on_commit_callbacks):
    ended(1)
    export, waits = asked(api), asked(api, name="json")
    made(export)
    with django_capture_on_commit_callbacks(execute=True):
        for one in (export, waits):
            assert api("operator").delete(f"{EXPORTS}/{one['id']}").status_code == 204
    assert list(storing.folder().iterdir()) == [] and not Export.objects.exists()
    assert Task.objects.get(pk=waits["task_id"]).state == TaskState.CANCELLED


def test_it_expires(api, settings):
    settings.HUB_KEEP_EXPORTS_HOURS = 2
    ended(1)
    export, kept = asked(api), asked(api, name="json")
    for one in (export, kept):
        made(one)
    left = Export.objects.get(pk=kept["id"]).expires_at - timezone.now()
    assert timedelta(hours=1.9) < left <= timedelta(hours=2)
    (storing.folder() / "nobodys.csv").write_bytes(b"")
    Export.objects.filter(pk=export["id"]).update(expires_at=timezone.now())
    assert error_of(api("viewer").get(f"{EXPORTS}/{export['id']}/file"), 404)["message"].startswith("It has expired")
    assert api("viewer").get(f"{EXPORTS}/{export['id']}").json()["state"] == "expired"
    assert len(sweep()) == 1
    assert [one.name for one in storing.folder().iterdir()] == [f"{kept['id']}.json"]
    assert [str(one.pk) for one in Export.objects.all()] == [kept["id"]]
    assert sweep() == [] and "exports-expired" in facts()


def test_a_file_of_another_host_is_said_to_be_there(api):
    ended(1)
    export = asked(api)
    made(export)
    Export.objects.update(node="elsewhere", expires_at=timezone.now() + timedelta(hours=1))
    assert "on the host elsewhere" in error_of(api("viewer").get(f"{EXPORTS}/{export['id']}/file"), 409)["message"]
    Export.objects.update(expires_at=timezone.now())
    assert sweep() == [] and Export.objects.count() == 1


def test_the_task_can_be_run_again_and_makes_the_file_anew(api):
    ended(1)
    export = asked(api)
    made(export)
    ended(1)
    again = actions.retry(Task.objects.get(pk=export["task_id"]))
    assert run_task(str(again.pk)) == "succeeded"
    assert api("viewer").get(f"{EXPORTS}/{export['id']}").json()["rows"] > 1
    exports.remove(Export.objects.get())
    with pytest.raises(actions.BadTask, match="not there any more"):
        actions.retry(Task.objects.get(pk=again.pk))


def test_an_answer_may_be_waited_for_and_is_given_once(api):
    document = api("viewer").get("/api/openapi.json").json()
    begin = document["paths"][EXPORTS]["post"]
    assert {"Prefer", "Idempotency-Key"} <= {one["name"] for one in begin["parameters"]}
    client = api("operator")
    answers = [client.post(EXPORTS, {"query": "group=job"}, headers={"Idempotency-Key": "one"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json() and answers[1]["Idempotency-Replayed"] == "true"
