"""Somebody looks at the page of workers and lanes, and presses what is on it."""

from __future__ import annotations

import json

import pytest

from accounts.tests.people import signed_in
from tasks import queue, workers
from tasks.actions import enqueue
from tasks.jobs import Sleep
from tasks.models import Lane, SubjectCap, Task

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator():
    return signed_in("operator")


def test_live_workers_are_shown_and_a_poll_answers_only_what_changed(trial_workers, operator, eventually):
    (worker,) = trial_workers(1, lanes="reports")
    eventually(lambda: [live.state for live in queue.workers_alive()] == ["idle"])  # it begins as "started"
    page = operator.get("/tasks/workers/")
    assert worker.name in page.text and f"pid {worker.pid}" in page.text and "idle" in page.text
    version = page.context["workers_version"]
    assert operator.get(f"/tasks/workers/live/?v={version}").status_code == 204
    answer = operator.post(f"/tasks/workers/{worker.name}/drain/", headers={"HX-Request": "true"})
    assert "draining" in answer.text and "<html" not in answer.text
    assert "takes no more tasks" in json.loads(answer["HX-Trigger"])["toast"]["text"]
    assert "draining" in operator.get(f"/tasks/workers/live/?v={version}").text
    assert "Drain " not in operator.get("/tasks/workers/").text

    answer = operator.post(f"/tasks/workers/{worker.name}/stop/", follow=True)
    assert "ends after its task" in answer.text and worker.process.wait(5) == 0
    assert "No worker is alive" in operator.get("/tasks/workers/").text
    assert "no live worker" in operator.post(f"/tasks/workers/{worker.name}/stop/", follow=True).text


def test_without_redis_the_page_says_so(redis_server, operator):
    redis_server.kill()
    try:
        assert "Redis does not answer" in operator.get("/tasks/workers/").text
    finally:
        redis_server.start()


def test_lanes_are_paused_resumed_and_limited_with_forms(redis_server, operator):
    redis_server.client().flushall()
    enqueue(Sleep, {"seconds": 1}, lane="reports")
    assert "Paused by" in operator.post("/tasks/lanes/reports/", {"pause": "1"}, follow=True).text
    assert Lane.objects.get().paused
    operator.post("/tasks/lanes/reports/", {"resume": "1"})
    operator.post("/tasks/lanes/reports/", {"cap": "3", "rate": "5", "period": "1.5"})
    lane = Lane.objects.get()
    assert (lane.paused, lane.cap, lane.rate, lane.period) == (False, 3, 5, 1.5)
    for wrong, words in (({"cap": "many"}, "cap must be"), ({"cap": "0"}, "cap must be"), ({"rate": "2"}, "both"),
                         ({"rate": "2", "period": "nan"}, "period must")):
        assert words in operator.post("/tasks/lanes/reports/", wrong, follow=True).text
    assert Lane.objects.get().cap == 3
    operator.post("/tasks/lanes/reports/", {"cap": "", "rate": "", "period": ""})
    assert Lane.objects.get().cap is None
    assert operator.post("/tasks/lanes/fast/", {"pause": "1"}).status_code == 404


def test_subjects_are_capped_with_a_form(redis_server, operator):
    assert "shop: is capped" in operator.post("/tasks/subject-caps/", {"prefix": "shop:", "cap": "2"}, follow=True).text
    assert SubjectCap.objects.get().cap == 2
    assert "cap must be" in operator.post("/tasks/subject-caps/", {"prefix": "shop:", "cap": ""}, follow=True).text
    operator.post("/tasks/subject-caps/", {"prefix": "shop:", "remove": "1"})
    assert not SubjectCap.objects.exists()


def test_the_priority_of_a_waiting_task_is_changed_on_its_page(redis_server, operator):
    task = enqueue(Sleep, {"seconds": 1})
    assert 'id="priority-form"' in operator.get(f"/tasks/{task.pk}/").text
    assert "waits with priority 9" in operator.post(f"/tasks/{task.pk}/priority/", {"priority": "9"}, follow=True).text
    assert "whole number from 1" in operator.post(f"/tasks/{task.pk}/priority/", {"priority": "x"}, follow=True).text
    Task.objects.update(state="running")
    assert "runs already" in operator.post(f"/tasks/{task.pk}/priority/", {"priority": "3"}, follow=True).text
    assert Task.objects.get().priority == 9 and 'id="priority-form"' not in operator.get(f"/tasks/{task.pk}/").text


def test_a_viewer_sees_everything_and_may_press_nothing(redis_server):
    viewer = signed_in("viewer")
    page = viewer.get("/tasks/workers/")
    assert page.status_code == 200 and "<form method=\"post\" action=\"/tasks/" not in page.text
    for path in ("/tasks/workers/x/stop/", "/tasks/lanes/reports/", "/tasks/subject-caps/"):
        assert viewer.post(path).status_code == 403
    assert signed_in("operator").post("/tasks/workers/x/dance/").status_code == 404
    with pytest.raises(workers.NoSuchWorker):
        workers.worker("x")
