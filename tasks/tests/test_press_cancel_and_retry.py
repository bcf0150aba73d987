"""Somebody presses Cancel or Retry on a page, with JavaScript and without it."""

from __future__ import annotations

import json
import uuid

import pytest
from django.conf import settings

from accounts.tests.people import signed_in
from tasks.models import Dependency, Task

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
IN_PAGE = {**HTMX, "HX-Target": "task-live"}


@pytest.fixture
def operator():
    return signed_in("operator")


def task(state: str) -> Task:
    return Task.objects.create(job="demo.sleep", title="Sleep", actor="mara", params={"seconds": 1}, state=state)


def test_cancel_without_javascript_leads_back_and_says_so(operator):
    waiting = task("queued")
    response = operator.post(f"/tasks/{waiting.pk}/cancel/", follow=True)
    assert response.redirect_chain == [(f"/tasks/{waiting.pk}/", 302)]
    assert "“Sleep” is cancelled." in response.text
    waiting.refresh_from_db()
    assert waiting.state == "cancelled"


def test_cancel_leads_back_to_the_list_it_was_pressed_in_and_nowhere_else(operator):
    url = f"/tasks/{task('queued').pk}/cancel/"
    assert operator.post(url, {"next": "/tasks/?state=queued"})["Location"] == "/tasks/?state=queued"
    assert operator.post(url, {"next": "https://evil.example/"})["Location"].startswith("/tasks/")


def test_cancel_answers_htmx_with_the_fragment(operator):
    waiting = task("queued")
    response = operator.post(f"/tasks/{waiting.pk}/cancel/", headers=IN_PAGE)
    assert response.status_code == 200
    assert "<html" not in response.text
    assert 'id="task-live"' in response.text
    assert 'data-task="cancelled"' in response.text
    assert json.loads(response["HX-Trigger"])["toast"]["text"] == "“Sleep” is cancelled."


def test_cancel_in_a_list_makes_the_list_ask_again(operator):
    response = operator.post(f"/tasks/{task('queued').pk}/cancel/", headers=HTMX)
    assert response.status_code == 204
    assert set(json.loads(response["HX-Trigger"])) == {"tasks-changed", "toast"}


def test_a_running_task_is_asked_and_says_that_it_stops(operator):
    active = task("running")
    assert "was asked to stop" in operator.post(f"/tasks/{active.pk}/cancel/", follow=True).text
    active.refresh_from_db()
    assert active.cancel_requested
    assert "Cancelling" in operator.get(f"/tasks/{active.pk}/").text


def test_cancel_of_what_has_ended_says_so(operator):
    ended = task("succeeded")
    assert "already ended" in operator.post(f"/tasks/{ended.pk}/cancel/", follow=True).text
    ended.refresh_from_db()
    assert ended.state == "succeeded"


def test_retry_makes_a_new_task_and_leads_to_it(operator):
    failed = task("failed")
    response = operator.post(f"/tasks/{failed.pk}/retry/")
    again = Task.objects.get(retry_of=failed)
    assert again.state == "queued"
    assert response["Location"] == f"/tasks/{again.pk}/"


def test_retry_leads_htmx_to_the_new_task(operator):
    failed = task("failed")
    response = operator.post(f"/tasks/{failed.pk}/retry/", headers=IN_PAGE)
    assert response["HX-Redirect"] == f"/tasks/{Task.objects.get(retry_of=failed).pk}/"


@pytest.mark.parametrize(("state", "subject", "offered"), [
    ("failed", "", True), ("cancelled", "", True), ("succeeded", "", False), ("failed", "projects.project:4242", False),
])  # fmt: skip
def test_retry_is_offered_for_what_did_not_succeed_and_is_still_there(operator, state, subject, offered):
    ended = task(state)
    Task.objects.filter(pk=ended.pk).update(subject=subject)
    for page in ("/tasks/", f"/tasks/{ended.pk}/"):
        assert (f"/tasks/{ended.pk}/retry/" in operator.get(page).text) == offered, page


def test_retry_of_what_is_active_says_so(operator):
    active = task("running")
    text = operator.post(f"/tasks/{active.pk}/retry/", follow=True).text
    assert "can be retried when it has ended" in text
    assert Task.objects.count() == 1


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_a_viewer_may_not(action):
    viewer = signed_in("viewer")
    made = task("queued" if action == "cancel" else "failed")
    response = viewer.post(f"/tasks/{made.pk}/{action}/")
    assert response.status_code == 403
    assert "This needs the role operator; yours is viewer." in response.text
    before = made.state
    made.refresh_from_db()
    assert made.state == before
    assert Task.objects.count() == 1
    for url in ("/tasks/", f"/tasks/{made.pk}/"):
        assert f"/{action}/" not in viewer.get(url).text


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_only_a_form_of_this_site_may(action):
    strict = signed_in("operator", enforce_csrf_checks=True)
    made = task("queued")
    assert strict.post(f"/tasks/{made.pk}/{action}/").status_code == 403
    strict.get(f"/tasks/{made.pk}/")
    token = strict.cookies[settings.CSRF_COOKIE_NAME].value
    assert strict.post(f"/tasks/{made.pk}/{action}/", headers={"X-CSRFToken": token, **HTMX}).status_code == 204


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_a_link_may_not_and_an_unknown_task_is_not_found(operator, action):
    assert operator.get(f"/tasks/{task('queued').pk}/{action}/").status_code == 405
    assert operator.post(f"/tasks/{uuid.uuid4()}/{action}/").status_code == 404


def needing(needed: Task, state: str, unmet: str = "skip") -> Task:
    made = task(state)
    Dependency.objects.create(task=made, needs=needed, unmet=unmet)
    return made


def test_a_retry_waits_for_the_retry_of_what_failed(operator):
    build = task("failed")
    deploy, notify = needing(build, "cancelled"), task("cancelled")
    Dependency.objects.create(task=notify, needs=deploy, unmet="fail")
    for made, said in ((build, "is tried again."), (deploy, "is tried again. Waits for “Sleep for 1 s”."),
                       (notify, "is tried again. Waits for “Sleep for 1 s”.")):
        text = operator.post(f"/tasks/{made.pk}/retry/", follow=True).text
        assert said in text
    again = {made.pk: Task.objects.get(retry_of=made) for made in (build, deploy, notify)}
    assert [each.state for each in again.values()] == ["queued", "blocked", "blocked"]
    assert again[deploy.pk].dependencies.get().needs == again[build.pk]
    edge = again[notify.pk].dependencies.get()
    assert (edge.needs, edge.unmet) == (again[deploy.pk], "fail")


@pytest.mark.parametrize(("state", "verb"), [("failed", "failed"), ("cancelled", "was cancelled")])
def test_a_retry_of_what_needs_one_that_did_not_succeed_says_what_to_retry_first(operator, state, verb):
    made = needing(task(state), "cancelled")
    text = operator.post(f"/tasks/{made.pk}/retry/", follow=True).text
    assert f"“Sleep”, which it needs, {verb}. Retry that one first." in text
    assert Task.objects.count() == 2


def test_what_succeeded_counts_for_a_retry_and_so_does_what_may_fail(operator):
    built, rebuilt, broken = task("succeeded"), task("failed"), task("failed")
    Task.objects.filter(pk=rebuilt.pk).update(retry_of=built)  # it was tried again for its own sake
    for made in (needing(built, "failed"), needing(broken, "failed", "run")):
        operator.post(f"/tasks/{made.pk}/retry/")
        again = Task.objects.get(retry_of=made)
        assert again.state == "queued"
        edges = [each.dependencies.values_list("needs", "unmet").get() for each in (made, again)]
        assert edges[0] == edges[1]


def test_of_several_retries_the_one_that_succeeded_is_waited_for(operator):
    first, good, newest = task("failed"), task("succeeded"), task("failed")
    Task.objects.filter(pk__in=[good.pk, newest.pk]).update(retry_of=first)
    made = needing(first, "cancelled")
    operator.post(f"/tasks/{made.pk}/retry/")
    assert Task.objects.get(retry_of=made).dependencies.get().needs == good


def test_a_retry_does_not_wait_for_the_children_of_the_first(operator):
    made = task("failed")
    child = task("failed")
    Task.objects.filter(pk=child.pk).update(parent=made)
    Dependency.objects.create(task=made, needs=child)
    operator.post(f"/tasks/{made.pk}/retry/")
    again = Task.objects.get(retry_of=made)
    assert again.state == "queued" and not again.dependencies.exists()
