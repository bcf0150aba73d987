"""Somebody changes many tasks at once, after a look at how many; stops half-way; and reads what became of each."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.tests.api_client import error_of
from accounts.tests.people import signed_in
from events.models import Event
from tasks.actions import cancel, enqueue
from tasks.bulk.models import BulkItem
from tasks.jobs import Fail, Sleep
from tasks.models import Task
from tasks.runner import run_task


def waiting(number: int, **options) -> list[Task]:
    return [enqueue(Sleep, {"seconds": 0}, **options) for _ in range(number)]


def change(api, **body) -> Task:
    answer = api("operator").post("/api/tasks/bulk", body)
    assert answer.status_code == 202, answer.content
    task = Task.objects.get(pk=answer.json()["id"])
    assert run_task(str(task.pk)) == "succeeded"
    task.refresh_from_db()
    return task


def states(tasks) -> list[str]:
    return [Task.objects.get(pk=task.pk).state for task in tasks]


@pytest.mark.django_db
def test_cancel_all_that_a_query_finds(api):
    wanted, others = waiting(45), waiting(2, lane="reports")
    seen = api("viewer").post("/api/tasks/bulk/preview", {"do": "cancel", "q": "sleep lane:default"})
    assert seen.json() == {"count": 45, "fits": 45}
    task = change(api, do="cancel", q="sleep lane:default")
    assert task.result == {"total": 45, "done": 45, "left": 0}
    assert set(states(wanted)) == {"cancelled"} and set(states(others)) == {"queued"}
    said = [event.payload for event in Event.objects.filter(subject__contains=".audit.tasks-change").order_by("id")]
    assert said[0]["q"] == "sleep lane:default" and said[1]["done"] == 45
    # Each was cancelled by whoever began it, in the same request.
    events = Event.objects.filter(subject__endswith="task.cancelled")
    assert {(event.actor, event.correlation_id) for event in events} == {(task.actor, task.correlation_id)}


@pytest.mark.django_db
def test_each_that_cannot_be_changed_is_left_with_the_reason(api):
    queued, ended = waiting(1)[0], waiting(1)[0]
    cancel(ended)
    task = change(api, do="priority", priority=9, ids=[str(queued.pk), str(ended.pk)])
    assert task.result == {"total": 2, "done": 1, "left": 1}
    assert Task.objects.get(pk=queued.pk).priority == 9
    answer = api("viewer").get(f"/api/tasks/bulk/{task.pk}?order=asc").json()
    assert [item["task"] for item in answer["items"]] == [str(queued.pk), str(ended.pk)]
    assert [item["done"] for item in answer["items"]] == [True, False]
    assert "has ended" in answer["items"][1]["message"]


@pytest.mark.django_db
def test_retry_names_the_new_tasks_and_does_not_retry_those(api):
    failed = [enqueue(Fail, {}) for _ in range(3)]
    for each in failed:
        run_task(str(each.pk))
    task = change(api, do="retry", q="state:failed")
    new = [item.message for item in BulkItem.objects.filter(bulk=task)]
    assert sorted(new) == sorted(str(each.pk) for each in Task.objects.filter(retry_of__in=failed))
    assert Task.objects.filter(job="demo.fail").count() == 6


@pytest.mark.django_db
def test_delete_takes_what_has_ended_only(api):
    ended, queued = waiting(3), waiting(1)
    for each in ended:
        cancel(each)
    ended[0].log_lines.create(text="x")
    seen = api("viewer").post("/api/tasks/bulk/preview", {"do": "delete", "q": "name:sleep"})
    assert seen.json() == {"count": 4, "fits": 3}
    task = change(api, do="delete", q="name:sleep")
    assert task.result == {"total": 4, "done": 3, "left": 1}
    assert not Task.objects.filter(pk__in=[each.pk for each in ended]).exists() and states(queued) == ["queued"]
    assert api("viewer").get(f"/api/tasks/bulk/{task.pk}").json()["done"] == 3


@pytest.mark.django_db
def test_what_has_no_sense_is_refused(api):
    client = api("operator")
    for body, field in (({"do": "cancel"}, "q"), ({"do": "priority", "q": "a"}, "priority"),
                        ({"do": "cancel", "q": "a", "priority": 3}, "priority"), ({"do": "x", "q": "a"}, "do"),
                        ({"do": "cancel", "ids": ["x"]}, "ids.0")):
        for path in ("/api/tasks/bulk", "/api/tasks/bulk/preview"):
            assert error_of(client.post(path, body), 422)["field"] == field, body
    assert error_of(client.post("/api/tasks/bulk", {"do": "cancel", "q": "state:x"}), 400)["position"] == 6
    error_of(api("viewer").post("/api/tasks/bulk", {"do": "cancel", "q": "a"}), 403)
    error_of(client.get(f"/api/tasks/bulk/{waiting(1)[0].pk}"), 404)
    assert not Task.objects.filter(job="tasks.bulk").exists()


@pytest.mark.django_db
def test_who_begins_again_goes_on_where_it_was(api):
    wanted = waiting(50)
    task = Task.objects.get(pk=api("operator").post("/api/tasks/bulk", {"do": "cancel", "q": "sleep"}).json()["id"])
    for each in wanted[:20]:
        cancel(each)
        BulkItem.objects.create(bulk=task, item=each.pk, done=True)
    assert run_task(str(task.pk)) == "succeeded"
    task.refresh_from_db()
    assert task.result == {"total": 50, "done": 50, "left": 0}


@pytest.mark.django_db(transaction=True)
def test_a_cancel_half_way_stops_it_and_it_says_what_it_did(api, redis_server, workers, eventually):
    wanted = waiting(1500, run_at=timezone.now() + timedelta(hours=1))
    task = Task.objects.get(pk=api("operator").post("/api/tasks/bulk", {"do": "cancel", "q": "sleep"}).json()["id"])
    workers(1)
    eventually(lambda: BulkItem.objects.filter(bulk=task).count() >= 20, 60)
    cancel(task)
    eventually(lambda: Task.objects.get(pk=task.pk).state == "cancelled", 60)
    done = Task.objects.filter(pk__in=[each.pk for each in wanted], state="cancelled").count()
    assert 20 <= done < 1500
    assert BulkItem.objects.filter(bulk=task, done=True).count() == done
    line = task.log_lines.get(text__startswith="Stopped")
    assert line.text == f"Stopped: {done} done, 0 left as they were, of 1500."
    page = signed_in("viewer").get(f"/tasks/{task.pk}/")
    assert f"{done} done, 0 left as they were" in page.text


@pytest.mark.django_db
def test_on_the_page_after_a_question(api):
    wanted, other = waiting(3), waiting(1, lane="reports")[0]
    person = signed_in("operator")
    page = person.get("/tasks/?lane=default&q=sleep")
    query = re.search(r'name="q" value="(\(sleep\)[^"]*)"', page.text)[1].replace("&quot;", '"')
    asked = person.post("/tasks/bulk/", {"do": "cancel", "which": "all", "q": query})
    assert "Cancel 3 tasks?" in asked.text and set(states(wanted)) == {"queued"}
    person.post("/tasks/bulk/", {"do": "cancel", "which": "all", "q": query, "count": "3"})
    task = Task.objects.get(job="tasks.bulk")
    assert run_task(str(task.pk)) == "succeeded"
    assert set(states(wanted)) == {"cancelled"} and states([other]) == ["queued"]
    assert "3 done, 0 left" in person.get(f"/tasks/{task.pk}/").text
    assert person.post("/tasks/bulk/", {"do": "cancel"}).status_code == 400
    asked = person.post("/tasks/bulk/", {"do": "priority", "pick": [str(other.pk)]})
    assert "Change the priority of 1 task?" in asked.text
    assert signed_in("viewer").post("/tasks/bulk/", {"do": "cancel", "q": query}).status_code == 403


