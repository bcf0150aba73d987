"""Lists of tasks: filters, and parts that neither repeat nor hide a task."""

import pytest

from accounts.tests.api_client import error_of
from tasks.models import Task

pytestmark = pytest.mark.django_db


def make(**fields) -> Task:
    known = {"job": "demo.sleep", "title": "Sleep", "actor": "test", "state": "succeeded"}
    return Task.objects.create(**known | fields)


def ids(response) -> list[str]:
    assert response.status_code == 200, response.content
    return [item["id"] for item in response.json()["items"]]


def test_an_empty_list(api):
    assert api("viewer").get("/api/tasks").json() == {"items": [], "next_cursor": None}


def test_newest_first_unless_asked_otherwise(api):
    tasks = [str(make().pk) for _ in range(3)]
    assert ids(api("viewer").get("/api/tasks")) == tasks[::-1]
    assert ids(api("viewer").get("/api/tasks?order=asc")) == tasks


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_every_task_is_in_exactly_one_part_though_tasks_come_meanwhile(api, order):
    before = {str(make().pk) for _ in range(7)}
    seen, cursor = [], ""
    while cursor is not None:
        body = api("viewer").get(f"/api/tasks?limit=3&order={order}&cursor={cursor}").json()
        assert len(body["items"]) <= 3
        seen += [item["id"] for item in body["items"]]
        cursor = body["next_cursor"]
        if len(seen) == 3:
            make()
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


def test_fifty_at_a_time_by_default(api):
    for _ in range(51):
        make()
    body = api("viewer").get("/api/tasks").json()
    assert len(body["items"]) == 50 and body["next_cursor"]


def test_filters(api):
    failed = make(state="failed", lane="stacks", job="projects.start", subject="projects.project:4")
    make(state="queued", subject="projects.project:42")
    make()
    client = api("viewer")
    for query in ("state=failed", "lane=stacks", "job=projects.start", "project=4", "state=failed&project=4"):
        assert ids(client.get(f"/api/tasks?{query}")) == [str(failed.pk)], query
    assert ids(client.get("/api/tasks?state=failed&lane=default")) == []
    assert ids(client.get("/api/tasks?project=99999999999999999999")) == []


@pytest.mark.parametrize(("query", "field"), [
    ("limit=0", "limit"), ("limit=201", "limit"), ("limit=x", "limit"), ("limit=-1", "limit"), ("order=up", "order"),
    ("state=done", "state"), ("lane=fast", "lane"), ("lane=", "lane"), ("project=shop", "project"),
    ("cursor=" + "x" * 600, "cursor"),
])
def test_a_parameter_that_is_not_understood_is_422_and_named(api, query, field):
    assert error_of(api("viewer").get(f"/api/tasks?{query}"), 422)["field"] == field


def test_a_cursor_that_hub_did_not_give_out_is_400(api):
    for _ in range(3):
        make()
    client = api("viewer")
    cursor = client.get("/api/tasks?limit=1").json()["next_cursor"]
    spoilt = ("A" if cursor[0] != "A" else "B") + cursor[1:]
    for wrong in ("x", "0", "a:b", spoilt, cursor[:-1], cursor + "x"):
        assert error_of(client.get(f"/api/tasks?cursor={wrong}"), 400)["field"] == "cursor"
    # Another order and another list have other cursors.
    error_of(client.get(f"/api/tasks?order=asc&cursor={cursor}"), 400)
    error_of(client.get(f"/api/projects?cursor={cursor}"), 400)


def test_a_longer_list_costs_no_more_queries(api, django_assert_max_num_queries):
    client = api("viewer")
    parent = make()
    for _ in range(20):
        child = make(parent=parent)
        child.attempts.create(number=1, worker="w", host="h", pid=1, pid_started=1, correlation_id=child.correlation_id)
    client.get("/api/tasks")
    with django_assert_max_num_queries(5):
        assert len(ids(client.get("/api/tasks"))) == 21
