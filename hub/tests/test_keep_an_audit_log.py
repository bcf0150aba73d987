"""What people and keys change is said with what was before and what is after, without secrets."""

from __future__ import annotations

from itertools import pairwise

import pytest
from django.contrib.auth.models import Group, User

from accounts.tests.people import person, signed_in
from events.models import Event
from events.secrets import MASK
from projects.actions import create_project
from projects.tests.stack_tasks import SERVE, done, down, folder_of
from tasks import lane_actions
from tasks.models import Task
from tasks.schedules import actions as schedules

pytestmark = pytest.mark.django_db


def last(action: str) -> Event:
    return Event.objects.filter(subject__endswith=f".{action}").latest("pk")


def test_a_project_that_a_key_changes(api, projects_folder):
    project = create_project(name="Shop", path=str(projects_folder), env={"MODE": "v1-value", "KEEP": "k-value"})
    answer = api("operator").patch(f"/api/projects/{project.pk}", {
        "name": "Shop 2", "env": {"MODE": "v2-value", "KEEP": "k-value", "API_KEY": "s3cret"}},
        content_type="application/json")
    assert answer.status_code == 200, answer.content
    event = last("project.updated")
    assert (event.actor, event.origin, event.address) == ("key:operator of a test", "api", "127.0.0.1")
    before, after = event.payload["before"], event.payload["after"]
    assert (before["name"], after["name"]) == ("Shop", "Shop 2")
    assert (set(before["environment"]), set(after["environment"])) == ({"MODE"}, {"MODE", "API_KEY"})
    assert not any(secret in str(event.payload) for secret in ("s3cret", "v1-value", "v2-value", "k-value"))


def test_a_lane_that_is_limited(db):
    lane_actions.limit("reports", lane_actions.LaneLimits(3, None, None))
    assert last("lane.limited").payload["after"]["cap"] == 3
    lane_actions.limit("reports", lane_actions.LaneLimits(5, None, None))
    payload = last("lane.limited").payload
    assert (payload["before"], payload["after"]) == ({"cap": 3}, {"cap": 5})


def test_a_schedule_that_is_changed(db):
    schedule = schedules.create(name="Nightly", job="demo.sleep", params={"seconds": 1}, cron="0 3 * * *")
    schedules.change(schedule, params={"seconds": 2})
    payload = last("schedule.changed").payload
    assert (payload["before"], payload["after"]) == ({"params": {"seconds": 1}}, {"params": {"seconds": 2}})


def test_a_row_that_is_changed_in_the_admin_site():
    client = signed_in("admin")
    user = person("viewer", "vera")
    page = client.get(f"/admin/auth/user/{user.pk}/change/")
    fields = {name: value for name, value in page.context["adminform"].form.initial.items() if value is not None}
    fields |= {"first_name": "Vera", "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    for name in ("groups", "user_permissions"):
        fields[name] = [row.pk for row in fields.get(name) or []]
    fields.pop("last_login", None)
    answer = client.post(f"/admin/auth/user/{user.pk}/change/", fields)
    assert answer.status_code == 302, answer.context["errors"]
    assert User.objects.get(pk=user.pk).first_name == "Vera"
    event = last("audit.admin-changed")
    assert (event.actor, event.origin) == ("admin", "admin")
    assert (event.payload["what"], event.payload["name"], event.payload["id"]) == ("changed", "vera", str(user.pk))
    assert "First name" in event.payload["change"]
    before, after = event.payload["before"], event.payload["after"]
    assert (before["first_name"], after["first_name"]) == ("", "Vera") and set(after) == {"first_name", "date_joined"}

    fields["groups"] = [Group.objects.get(name="operator").pk]
    client.post(f"/admin/auth/user/{user.pk}/change/", fields)
    payload = last("audit.admin-changed").payload
    assert (payload["before"], payload["after"]) == ({"groups": ["viewer"]}, {"groups": ["operator"]})


def test_rows_that_are_deleted_in_the_admin_site_one_by_one_or_together():
    client, people = signed_in("admin"), [person("viewer", name) for name in ("ada", "bea", "cleo")]
    client.post(f"/admin/auth/user/{people[0].pk}/delete/", {"post": "yes"})
    payload = last("audit.admin-changed").payload
    assert (payload["what"], payload["name"], payload["before"]["username"]) == ("deleted", "ada", "ada")
    assert payload["before"]["password"] == MASK and payload["after"] == {}
    client.post("/admin/auth/user/", {"action": "delete_selected", "post": "yes",
                                      "_selected_action": [one.pk for one in people[1:]]})
    assert not User.objects.filter(username__in=("bea", "cleo")).exists()
    told = Event.objects.filter(subject__endswith=".admin-changed").order_by("-pk")[:2]
    assert {event.payload["name"] for event in told} == {"bea", "cleo"}
    assert all(event.payload["before"]["groups"] == ["viewer"] and event.actor == "admin" for event in told)


@pytest.mark.django_db(transaction=True)
def test_a_start_is_one_timeline_from_the_request_to_the_states_of_services(redis_server):
    client, folder = signed_in("operator"), folder_of("told", f"web: {SERVE}\n")
    project = create_project(name="told", path=str(folder))
    try:
        answer = client.post(f"/projects/{project.pk}/start/")
        assert answer.status_code == 302
        task = done(Task.objects.latest("pk"))
        assert task.state == "succeeded", task.error
        said = last("project.starting")
        told = Event.objects.filter(correlation_id=answer["X-Correlation-ID"]).order_by("pk")
        words = [".".join(event.subject.split(".")[2:]) for event in told]
        assert (said.actor, said.origin, said.address) == ("operator", "page", "127.0.0.1")
        for first, then in pairwise(("task.created", "task.started", "service.running", "task.succeeded")):
            assert words.index(first) < words.index(then), words
        assert {"project.starting", "project.running"} <= set(words)
        state = next(event for event in told if event.subject.endswith(".service.running"))
        assert (state.payload["service"], state.payload["project"]) == ("web", project.pk)
        page = client.get(f"/events/{said.pk}/").text
        assert page.count("<li data-level=") == len(words) and "service.running" in page
    finally:
        down(project)
