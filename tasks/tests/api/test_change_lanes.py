"""Pause, resume and limit lanes, and change the priority of a waiting task, as scripts do."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from accounts.tests.api_client import error_of
from events.models import Event
from tasks.actions import enqueue
from tasks.jobs import Sleep
from tasks.models import Lane, SubjectCap, Task

pytestmark = pytest.mark.django_db


def patch(client, path: str, body: dict):
    return client.patch(path, json.dumps(body), content_type="application/json")


def test_lanes_are_listed_with_what_runs_and_waits_and_changed(api):
    enqueue(Sleep, {"seconds": 1}, lane="reports")
    items = api("viewer").get("/api/lanes").json()["items"]
    assert [item["name"] for item in items] == ["stacks", "default", "metrics", "reports"]
    assert items[3] == {"name": "reports", "running": 0, "queued": 1, "paused": False, "cap": None, "rate": None,
                        "period": None}
    lane = patch(api("operator"), "/api/lanes/reports", {"paused": True, "cap": 2, "rate": 5, "period": 60}).json()
    assert (lane["paused"], lane["cap"], lane["rate"], lane["period"]) == (True, 2, 5, 60.0)
    assert Lane.objects.get().reason == "Paused by key:operator of a test."
    lane = patch(api("operator"), "/api/lanes/reports", {"paused": False, "cap": None}).json()
    assert (lane["paused"], lane["cap"], lane["rate"], lane["period"]) == (False, None, 5, 60.0)
    subjects = list(Event.objects.filter(subject__contains=".lane.").order_by("id").values_list("subject", flat=True))
    assert [subject.rpartition(".")[2] for subject in subjects] == ["limited", "paused", "limited", "resumed"]


@pytest.mark.parametrize(("body", "field"), [
    ({"cap": 0}, "cap"), ({"cap": "2"}, "cap"), ({"rate": 5}, "period"), ({"period": 5}, "rate"),
    ({"rate": 5, "period": 0}, "period"), ({"paused": "yes"}, "paused"), ({"speed": 3}, "speed"),
    ({"rate": 5, "period": "60"}, "period"), ({"rate": 5, "period": True}, "period"), ({"rate": 5.5}, "rate"),
])
def test_a_bad_limit_is_422_and_names_its_field(api, body, field):
    assert error_of(patch(api("operator"), "/api/lanes/reports", body), 422)["field"] == field
    assert not Lane.objects.exists()


def test_viewers_change_no_lane_and_unknown_ones_are_404(api):
    assert error_of(patch(api("viewer"), "/api/lanes/reports", {"paused": True}), 403)
    assert error_of(patch(api("operator"), "/api/lanes/fast", {"paused": True}), 404)


def test_the_priority_of_a_waiting_task_is_changed(api):
    task = enqueue(Sleep, {"seconds": 1}, priority=3)
    url = f"/api/tasks/{task.pk}"
    answer = patch(api("operator"), url, {"priority": 9})
    assert answer.status_code == 200 and answer.json()["priority"] == 9
    assert answer.json()["queue"] == "hub:default:9"
    for bad in ({"priority": 0}, {"priority": 11}, {"priority": "9"}, {}, {"priority": 5, "state": "failed"}):
        error_of(patch(api("operator"), url, bad), 422)
    error_of(patch(api("viewer"), url, {"priority": 5}), 403)
    Task.objects.update(state="running")
    assert "runs already" in error_of(patch(api("operator"), url, {"priority": 5}), 409)["message"]
    assert Task.objects.get().priority == 9


def test_the_commands_do_the_same():
    def run(*arguments: str) -> str:
        out = io.StringIO()
        call_command(*arguments, stdout=out)
        return out.getvalue()

    task = enqueue(Sleep, {"seconds": 1})
    assert "priority 8" in run("task", "priority", str(task.pk), "8")
    assert run("lane", "pause", "reports") == "reports  paused\n"
    assert run("lane", "limit", "reports", "--cap", "2", "--rate", "3", "--period", "1.5") == (
        "reports  paused, at most 2 at a time, at most 3 starts in 1.5 s\n")
    assert run("lane", "resume", "reports").startswith("reports  at most 2")
    run("lane", "cap", "shop:", "3")
    assert run("lane", "list").splitlines()[-1] == "shop:  at most 3 at a time"
    assert json.loads(run("lane", "list", "--json"))["subjects"] == [{"prefix": "shop:", "cap": 3}]
    run("lane", "uncap", "shop:")
    assert not SubjectCap.objects.exists()
    for arguments in (("lane", "limit", "reports", "--cap", "0"), ("lane", "uncap", "shop:"),
                      ("task", "priority", str(task.pk), "11")):
        with pytest.raises(CommandError) as error:
            run(*arguments)
        assert error.value.returncode == 2
