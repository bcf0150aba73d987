"""What people do with schedules: make, change, pause, resume, run, delete; and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import execute_from_command_line
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts.tests.people import signed_in
from events.models import Event
from tasks.models import Task
from tasks.schedules import actions
from tasks.schedules.errors import BadSchedule, StillRunning
from tasks.schedules.models import Schedule

pytestmark = pytest.mark.django_db

GOOD = {"name": "Naps", "job": "demo.sleep", "params": {"seconds": 1}, "cron": "30 4 * * mon-fri",
        "zone": "Europe/Zurich"}  # fmt: skip
NAP = '{"seconds": 1}'
TYPED = {"name": "Naps", "job": "demo.sleep", "params": NAP, "kind": "interval", "cron": "", "interval": "15m",
         "zone": "UTC", "overlap": "skip", "lane": "", "priority": "5"}  # fmt: skip
BAD = [
    ({"cron": "61 * * * *"}, "cron"), ({"cron": "* * *"}, "cron"), ({"cron": "hello"}, "cron"), ({"cron": ""}, "cron"),
    ({"cron": "* * * * * *"}, "cron"), ({"cron": "0 0 31 2 *"}, "cron"), ({"cron": "R * * * *"}, "cron"),
    ({"cron": "H * * * *"}, "cron"), ({"cron": "*/0 * * * *"}, "cron"), ({"cron": "@reboot"}, "cron"),
    ({"interval": "15m"}, "cron"),
    ({"cron": "", "interval": "0"}, "interval"), ({"cron": "", "interval": "0.5s"}, "interval"),
    ({"cron": "", "interval": "-5"}, "interval"), ({"cron": "", "interval": "1.5s"}, "interval"),
    ({"cron": "", "interval": "367d"}, "interval"), ({"cron": "", "interval": "soon"}, "interval"),
    ({"zone": "Europe/Atlantis"}, "zone"), ({"zone": ""}, "zone"), ({"zone": "../../etc/passwd"}, "zone"),
    ({"job": "demo.none"}, "job"), ({"job": "projects.start"}, "job"),
    ({"params": {"seconds": object()}}, "params"), ({"params": {"seconds": "1"}}, "params"),
    ({"name": ""}, "name"), ({"name": "x" * 101}, "name"), ({"name": "a\0b"}, "name"),
    ({"overlap": "both"}, "overlap"), ({"lane": "fast"}, "lane"), ({"priority": 11}, "priority"),
]  # fmt: skip


def facts() -> list[str]:
    return [event.subject.split(".", 2)[2] for event in Event.objects.order_by("id")]


@pytest.mark.parametrize(("wrong", "field"), BAD)
def test_bad_input_is_refused_by_field_and_nothing_is_kept(wrong, field):
    before = Schedule.objects.count()
    with pytest.raises(BadSchedule) as refusal:
        actions.create(**{**GOOD, **wrong})
    assert refusal.value.field == field and refusal.value.message.endswith(".")
    assert Schedule.objects.count() == before and not Event.objects.exists()


@pytest.mark.parametrize("text", ["not json", "[1]", '"x"', "{", "NaN"])
def test_parameters_that_are_no_json_object_are_refused(text):
    with pytest.raises(BadSchedule) as refusal:
        actions.read_params(text)
    assert refusal.value.field == "params"


@pytest.mark.parametrize("at", ["2020-01-01 00:00", "yesterday", "", "0001-01-01T00:00+14:00"])
def test_a_single_run_in_the_past_is_refused(at):
    with pytest.raises(BadSchedule) as refusal:
        actions.once(job="demo.sleep", params={"seconds": 1}, at=at)
    assert refusal.value.field == "at" and not Task.objects.exists()


def test_a_single_run_waits_for_its_time_in_its_zone():
    task = actions.once(job="demo.sleep", params={"seconds": 1}, at="2100-07-01 04:30", zone="Europe/Zurich")
    assert (task.state, task.run_at) == ("scheduled", datetime(2100, 7, 1, 2, 30, tzinfo=UTC))


def test_a_name_is_given_once():
    actions.create(**GOOD)
    with pytest.raises(BadSchedule) as refusal:
        actions.create(**{**GOOD, "cron": "", "interval": "1h"})
    assert refusal.value.field == "name"


def test_a_change_plans_anew_and_keeps_what_is_not_named():
    schedule = actions.create(**GOOD)
    first = schedule.next_run_at
    actions.change(schedule, priority=9)
    assert Schedule.objects.get(name="Naps").next_run_at == first
    actions.change(schedule, interval="2h")
    schedule.refresh_from_db()
    assert (schedule.cron, schedule.every, schedule.priority, schedule.params) == ("", 7200, 9, {"seconds": 1})
    assert timedelta(hours=1, minutes=59) < schedule.next_run_at - timezone.now() <= timedelta(hours=2)
    with pytest.raises(BadSchedule):
        actions.change(schedule, zone="Nowhere")
    assert Schedule.objects.get(name="Naps").zone == "Europe/Zurich"


def test_what_is_done_is_an_event():
    schedule = actions.create(**GOOD)
    actions.pause(schedule)
    actions.pause(schedule)
    assert schedule.next_runs() == []
    actions.resume(schedule)
    assert len(schedule.next_runs()) == 5
    task = actions.run_now(schedule)
    assert task.schedule == schedule and Schedule.objects.get(name="Naps").last_task == task
    with pytest.raises(StillRunning):
        actions.run_now(schedule)
    actions.remove(schedule)
    assert facts() == ["schedule.created", "schedule.paused", "schedule.resumed", "task.created", "schedule.ran",
                       "schedule.removed"]  # fmt: skip
    assert Task.objects.get(pk=task.pk).schedule is None


# --- pages ------------------------------------------------------------------------------------------------------------


def test_an_operator_makes_changes_and_deletes_one_on_the_pages():
    operator = signed_in("operator")
    response = operator.post("/tasks/schedules/new/", TYPED, follow=True)
    schedule = Schedule.objects.get(name="Naps")
    assert response.redirect_chain == [(f"/tasks/schedules/{schedule.pk}/", 302)]
    assert response.text.count('data-task="scheduled"') == 5 and "every 15 minutes" in response.text
    assert "Naps" in operator.get("/tasks/schedules/").text
    changed = {**TYPED, "kind": "cron", "cron": "0 6 * * *", "zone": "Asia/Tokyo"}
    operator.post(f"/tasks/schedules/{schedule.pk}/", changed)
    schedule.refresh_from_db()
    assert (schedule.cron, schedule.every, schedule.next_run_at.hour) == ("0 6 * * *", None, 21)
    assert "It runs no more" not in operator.get(f"/tasks/schedules/{schedule.pk}/").text
    assert "Its tasks stay" in operator.get(f"/tasks/schedules/{schedule.pk}/delete/").text
    assert operator.post(f"/tasks/schedules/{schedule.pk}/delete/")["Location"] == "/tasks/schedules/"
    assert not Schedule.objects.filter(name="Naps").exists()


@pytest.mark.parametrize(("wrong", "field"), [
    ({"kind": "cron", "cron": "61 * * * *"}, "cron"), ({"kind": "cron"}, "cron"), ({"interval": "0"}, "interval"),
    ({"zone": "Mars"}, "zone"), ({"params": "{"}, "params"), ({"job": "no.job"}, "job"), ({"name": " "}, "name"),
    ({"kind": "once", "at": "2020-01-01T00:00"}, "at"), ({"priority": "0"}, "priority"), ({"lane": "x"}, "lane"),
])  # fmt: skip
def test_what_is_refused_is_said_beside_its_field_and_the_rest_is_kept(wrong, field):
    response = signed_in("operator").post("/tasks/schedules/new/", {**TYPED, **wrong})
    assert response.status_code == 422
    assert f'id="{field}-error"' in response.text and response.text.count('class="error"') == 1
    assert not Schedule.objects.filter(name="Naps").exists() and not Task.objects.exists()
    if field not in ("params",):
        assert "&quot;seconds&quot;: 1" in response.text


def test_once_on_the_page_is_a_task_that_waits():
    typed = {**TYPED, "kind": "once", "at": "2100-07-01T04:30", "zone": "Europe/Zurich"}
    response = signed_in("operator").post("/tasks/schedules/new/", typed)
    task = Task.objects.get()
    assert response["Location"] == f"/tasks/{task.pk}/" and task.state == "scheduled"


def test_the_form_shows_the_next_runs_of_what_is_typed():
    operator = signed_in("operator")
    url = reverse("tasks:schedule-next")
    shown = operator.get(url, {"kind": "cron", "cron": "0 4 1 1 *", "zone": "Europe/Zurich"}).text
    assert shown.count("04:00 CET") == 5
    assert "The minute" in operator.get(url, {"kind": "cron", "cron": "x * * * *", "zone": "UTC"}).text
    assert "next five times" in operator.get(url, {"kind": "cron", "cron": ""}).text


def test_pause_resume_and_run_without_and_with_javascript():
    operator, schedule = signed_in("operator"), actions.create(**GOOD)
    url = f"/tasks/schedules/{schedule.pk}/"
    assert "is paused" in operator.post(f"{url}pause/", follow=True).text
    schedule.refresh_from_db()
    assert schedule.paused and schedule.paused_by == "operator"
    operator.post(f"{url}resume/", {"next": url})
    response = operator.post(f"{url}run/", headers={"HX-Request": "true"})
    assert response.status_code == 204 and "runs now" in json.loads(response["HX-Trigger"])["toast"]["text"]
    assert "has not ended" in operator.post(f"{url}run/", follow=True).text
    assert Task.objects.get().actor == "operator"


def test_the_poll_answers_only_when_something_changed():
    viewer = signed_in("viewer")
    schedule = actions.create(**{**GOOD, "cron": "", "interval": "300d"})
    url = reverse("tasks:schedule-table")
    version = viewer.get(url).context["version"]
    assert viewer.get(url, {"v": version}).status_code == 204
    actions.pause(schedule)
    assert viewer.get(url, {"v": version}).status_code == 200


def test_a_viewer_looks_and_does_nothing():
    schedule = actions.create(**{**GOOD, "params": {"seconds": 1}})
    viewer = signed_in("viewer")
    page = viewer.get(f"/tasks/schedules/{schedule.pk}/")
    assert page.status_code == 200 and "<textarea" not in page.text and "/pause/" not in page.text
    for path in ("new/", f"{schedule.pk}/", f"{schedule.pk}/pause/", f"{schedule.pk}/run/", f"{schedule.pk}/delete/"):
        assert viewer.post(f"/tasks/schedules/{path}", TYPED).status_code == 403
    assert viewer.get(f"/tasks/schedules/{schedule.pk}/delete/").status_code == 403
    schedule.refresh_from_db()
    assert not schedule.paused and not Task.objects.exists()


# --- admin ------------------------------------------------------------------------------------------------------------


def test_the_admin_site_makes_changes_and_refuses_as_the_page_does(admin_client):
    typed = {name: value for name, value in TYPED.items() if name != "kind"}
    add = reverse("admin:tasks_schedule_add")
    refused = admin_client.post(add, {**typed, "interval": "", "cron": "61 * * * *"})
    assert refused.status_code == 200 and "out of range" in refused.text
    assert not Schedule.objects.filter(name="Naps").exists()
    assert admin_client.post(add, typed).status_code == 302
    schedule = Schedule.objects.get(name="Naps")
    assert (schedule.every, schedule.created_by) == (900, "admin") and schedule.next_run_at is not None
    change = reverse("admin:tasks_schedule_change", args=[schedule.pk])
    assert 'value="15m"' in admin_client.get(change).text
    admin_client.post(change, {**typed, "interval": "", "cron": "5 4 * * *", "params": '{"seconds": 2}'})
    schedule.refresh_from_db()
    assert (schedule.cron, schedule.every, schedule.params) == ("5 4 * * *", None, {"seconds": 2})
    assert facts().count("schedule.created") == facts().count("schedule.changed") == 1
    listing = reverse("admin:tasks_schedule_changelist")
    for action in ("pause", "resume", "run"):
        admin_client.post(listing, {"action": action, "_selected_action": [schedule.pk]})
    assert facts()[-3:] == ["schedule.resumed", "task.created", "schedule.ran"]
    admin_client.post(reverse("admin:tasks_schedule_delete", args=[schedule.pk]), {"post": "yes"})
    assert facts()[-1] == "schedule.removed" and not Schedule.objects.filter(name="Naps").exists()


# --- command ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(transactional_db, capsys):
    """`command("list", "--json")` → (exit code, standard output, standard error)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            execute_from_command_line(["manage.py", "schedule", *arguments])
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return run


def test_the_command_does_all_of_it(command):
    code, out, _ = command("add", "Naps", "--job", "demo.sleep", "--params", NAP, "--every", "15m", "--json")
    made = json.loads(out)
    assert code == 0 and made["interval"] == 900 and len(made["next_runs"]) == 5
    assert [item["name"] for item in json.loads(command("list", "--json")[1]) if item["id"] == made["id"]] == ["Naps"]
    assert "every 15 minutes" in command("list")[1]
    assert json.loads(command("pause", "Naps", "--json")[1])["paused"]
    assert "next: paused" in command("list")[1]
    assert not json.loads(command("resume", str(made["id"]), "--json")[1])["paused"]
    assert json.loads(command("run", "Naps", "--json")[1])["task"] == str(Task.objects.get().pk)
    assert command("delete", "Naps")[0] == 0 and not Schedule.objects.filter(name="Naps").exists()
    code, out, _ = command("add", "--job", "demo.sleep", "--params", NAP, "--at", "2100-01-01T00:00", "--json")
    assert code == 0 and json.loads(out)["run_at"] == "2100-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(("arguments", "said"), [
    (["add", "x", "--job", "demo.sleep", "--cron", "61 * * * *"], "--cron: "),
    (["add", "x", "--job", "demo.sleep", "--every", "0"], "--every: "),
    (["add", "x", "--job", "no.job", "--every", "1h"], "--job: "),
    (["add", "x", "--job", "demo.sleep", "--every", "1h", "--zone", "Mars"], "--zone: "),
    (["add", "x", "--job", "demo.sleep", "--every", "1h", "--params", "{"], "--params: "),
    (["add", "--job", "demo.sleep", "--params", '{"seconds": 1}', "--at", "2020-01-01"], "--at: "),
    (["add", "--job", "demo.sleep", "--params", '{"seconds": 1}', "--every", "1h"], "name: "),
    (["run", "nobody"], "no schedule 'nobody'"), (["delete", "²"], "no schedule"),
])  # fmt: skip
def test_what_the_command_refuses_is_one_line_that_names_the_field(command, arguments, said):
    code, out, error = command(*arguments)
    assert (code, out, error.count("\n")) == (2, "", 1) and said in error


def test_the_runs_of_a_schedule_are_found_by_their_index():
    schedule = actions.create(**GOOD)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # which reads a table that is nearly empty as a whole
            cursor.execute("SET LOCAL enable_seqscan = off")
    assert "task_of_schedule" in Task.objects.filter(schedule=schedule).order_by("-id").explain()
