"""A task's whole log, its graph and another try; the monitor, the search box, nodes, caps and saved views."""

import pytest

from accounts.models import Role
from accounts.tests.api_client import error_of
from accounts.tests.people import signed_in
from tasks.actions import cancel, enqueue
from tasks.jobs import Sleep
from tasks.models import LogLine, SubjectCap
from tasks.saved.models import SavedView

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}


@pytest.fixture
def task():
    return enqueue(Sleep, {"seconds": 1})


def test_the_whole_log_is_read_in_parts(api, task):
    LogLine.objects.bulk_create(LogLine(task=task, text=f"line {number}") for number in range(120))
    path, texts, cursor = f"/api/tasks/{task.pk}/log?order=asc&limit=50", [], ""
    while cursor is not None:
        part = api("viewer").get(f"{path}&cursor={cursor}").json()
        texts += [line["text"] for line in part["items"]]
        cursor = part["next_cursor"]
    assert texts == [f"line {number}" for number in range(120)]
    assert api("viewer").get(f"/api/tasks/{task.pk}/log?limit=1").json()["items"][0]["text"] == "line 119"


def test_a_graph_says_what_waits_for_what(api, task):
    assert api("viewer").get(f"/api/tasks/{task.pk}/graph").json() == {"nodes": [], "more": False}
    after = enqueue(Sleep, {"seconds": 2}, depends_on=[task])
    graph = api("viewer").get(f"/api/tasks/{after.pk}/graph").json()
    assert [(node["id"], node["needs"], node["state"]) for node in graph["nodes"]] == [
        (str(task.pk), [], "queued"), (str(after.pk), [str(task.pk)], "blocked")]


def test_an_ended_task_is_tried_again(api, task):
    error_of(api("operator").post(f"/api/tasks/{task.pk}/retry"), 409)
    cancel(task)
    again = api("operator").post(f"/api/tasks/{task.pk}/retry")
    assert again.status_code == 202 and again.json()["retry_of"] == str(task.pk)


def test_the_monitor_is_one_snapshot(api, task, redis_server):
    seen = api("viewer").get("/api/tasks/monitor").json()
    assert {"at", "version", "states", "lanes", "workers", "running", "coming"} <= set(seen)
    assert not seen["workers"]["away"]


def test_a_search_is_completed(api):
    assert "state:failed" in api("viewer").get("/api/tasks/suggestions?q=state:fa").json()["queries"]


def test_nodes_are_listed(api):
    here = api("viewer").get("/api/nodes").json()["items"]
    assert [(one["here"], one["watched"]) for one in here] == [(True, False)]


def test_subjects_are_capped_and_uncapped(api):
    operator = api("operator")
    body = {"prefix": "shop:", "cap": 2}
    assert operator.put("/api/subject-caps", body, **JSON).json() == body
    operator.put("/api/subject-caps", {**body, "cap": 3}, **JSON)
    assert api("viewer").get("/api/subject-caps").json()["items"] == [{**body, "cap": 3}]
    assert error_of(operator.put("/api/subject-caps", {**body, "cap": 0}, **JSON), 422)["field"] == "cap"
    assert operator.delete("/api/subject-caps?prefix=shop:").status_code == 204
    error_of(operator.delete("/api/subject-caps?prefix=shop:"), 404)
    assert not SubjectCap.objects.exists()


def test_drift_is_shown_and_put_right_by_admins_alone(api, redis_server):
    redis_server.client().flushall()  # what other tests have left there is drift
    error_of(api("operator").get("/api/tasks/drift"), 403)
    seen = api("admin").get("/api/tasks/drift").json()
    assert (seen["findings"], seen["number"], seen["queue_away"]) == ([], 0, False)
    assert api("admin").post("/api/tasks/drift/repair").json() == {"done": []}


def test_saved_views_are_ones_own(api):
    person, other = signed_in(Role.VIEWER), signed_in(Role.OPERATOR)
    made = person.post("/api/tasks/views", {"name": "Failed", "query": "state=failed"}, **JSON)
    assert made.status_code == 201
    one = f"/api/tasks/views/{made.json()['id']}"
    assert [view["name"] for view in person.get("/api/tasks/views").json()["items"]] == ["Failed"]
    assert other.get("/api/tasks/views").json()["items"] == []
    error_of(other.delete(one), 404)
    error_of(other.patch(one, {"name": "Mine"}, **JSON), 404)
    assert person.patch(one, {"name": "Broken"}, **JSON).json()["name"] == "Broken"
    assert error_of(person.post("/api/tasks/views", {"name": "Broken", "query": "state=failed"}, **JSON), 422)[
        "field"] == "name"
    assert person.delete(one).status_code == 204 and not SavedView.objects.exists()


def test_a_key_has_no_saved_views(api):
    error_of(api("admin").get("/api/tasks/views"), 403)
    error_of(api("admin").post("/api/tasks/views", {"name": "x", "query": "state=failed"}), 403)
