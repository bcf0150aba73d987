"""People and keys that may see some projects only: of the others nothing is there, on no page and in no answer."""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.actions import make_key
from accounts.models import Access, Grant
from accounts.tests.api_client import error_of
from accounts.tests.people import person
from alerts import moves
from alerts.models import Rule
from alerts.registry import Reading
from alerts.states import AlertState
from events.actions import record
from events.context import acting, become
from events.models import Event
from projects.errors import ProjectError
from projects.models import PortLease, Project
from projects.ports import check_free
from tasks.models import Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def theirs(tmp_path) -> Project:
    return stack("bakery", tmp_path)


@pytest.fixture
def others(tmp_path) -> Project:
    return stack("smithy", tmp_path)


def stack(name: str, folder) -> Project:
    """A project with a task and a fact."""
    project = Project.objects.create(name=name, slug=name, path=str(folder), created_by="test")
    Task.objects.create(job="projects.start", title=f"Start {name}", subject=project.subject, state="succeeded",
                        lane="default", actor="test")
    record("project.changed", {"name": name}, about=project.subject)
    return project


def task_of(project: Project) -> Task:
    return Task.everything.get(subject=project.subject)


def event_of(project: Project) -> Event:
    return Event.everything.filter(about=project.subject).first()


def let_in(role: str, *granted: tuple[Project, str]) -> Client:
    """The browser of somebody who may see only these projects, with a role on each."""
    user = person(role, "lena")
    Access.objects.create(user=user, limited=True)
    for project, theirs in granted:
        Grant.objects.create(user=user, project=project.pk, role=theirs)
    client = Client()
    client.force_login(user)
    return client


def with_key(*projects: Project, **options) -> Client:
    """A script whose key may see only these."""
    plain = make_key("script", projects=[project.pk for project in projects], **options)[1]
    return Client(headers={"Authorization": f"Bearer {plain}"})


def pages_of(project: Project) -> list[str]:
    base, task = f"/projects/{project.pk}/", f"/tasks/{task_of(project).pk}/"
    return [base, f"{base}logs/", f"{base}environment/", f"{base}usage/", f"{base}revisions/", f"{base}settings/",
            task, f"{task}live/", f"{task}log.txt", f"/events/{event_of(project).pk}/"]


def answers_of(project: Project) -> list[str]:
    base, task = f"/api/projects/{project.pk}", f"/api/tasks/{task_of(project).pk}"
    return [base, f"{base}/remains", f"{base}/logs", f"{base}/usage", f"{base}/revisions",
            f"/api/orchestration/{project.pk}/status", task, f"{task}/status", f"/api/events/{event_of(project).pk}"]


def test_pages_of_another_project_are_not_there(theirs, others):
    client = let_in("operator", (theirs, "operator"))
    for page, other in zip(pages_of(theirs), pages_of(others), strict=True):
        assert client.get(page).status_code in (200, 204), page
        assert client.get(other).status_code == 404, other


def test_answers_about_another_project_are_not_there(theirs, others):
    for client in (let_in("operator", (theirs, "operator")), with_key(theirs, role="operator")):
        for address, other in zip(answers_of(theirs), answers_of(others), strict=True):
            assert client.get(address).status_code == 200, address
            error_of(client.get(other), 404)


@pytest.mark.parametrize("page", [
    "/", "/projects/", "/tasks/", "/tasks/?q=job:projects.start", "/events/", "/events/export/"])
def test_lists_keep_to_what_is_theirs(theirs, others, page):
    client = let_in("viewer", (theirs, "viewer"))
    answer = client.get(page)
    text = answer.getvalue().decode()
    assert answer.status_code == 200 and "bakery" in text and "smithy" not in text


@pytest.mark.parametrize("address", [
    "/api/projects", "/api/tasks", "/api/tasks/search?q=job:projects.start", "/api/events"])
def test_answers_keep_to_what_is_theirs(theirs, others, address):
    text = with_key(theirs, role="viewer").get(address).text
    assert "bakery" in text and "smithy" not in text


def test_nothing_is_done_to_another_project(theirs, others):
    for client in (let_in("operator", (theirs, "operator")), with_key(theirs, role="admin")):
        for address in (f"/api/orchestration/{others.pk}/start", f"/api/orchestration/{others.pk}/stop"):
            assert client.post(address).status_code in (403, 404)
        assert client.delete(f"/api/projects/{others.pk}").status_code in (403, 404)
        assert client.delete(f"/api/tasks/{task_of(others).pk}").status_code in (403, 404)
    assert Task.everything.filter(subject=others.subject).count() == 1


def test_a_role_holds_on_its_own_project_only(theirs, others):
    client = let_in("operator", (theirs, "operator"), (others, "viewer"))
    assert client.get(f"/projects/{others.pk}/").status_code == 200
    assert client.post(f"/projects/{others.pk}/stop/").status_code == 403
    assert client.post(f"/projects/{theirs.pk}/stop/").status_code == 302
    client = let_in_more("mia", others)
    assert client.post(f"/projects/{others.pk}/stop/").status_code == 302
    assert client.get(f"/projects/{theirs.pk}/").status_code == 200
    assert client.post(f"/projects/{theirs.pk}/stop/").status_code == 403


ACTS = (("delete", "/api/tasks/{}"), ("post", "/api/tasks/{}/retry"), ("patch", "/api/tasks/{}"),
        ("post", "/tasks/{}/cancel/"), ("post", "/tasks/{}/retry/"), ("post", "/tasks/{}/priority/"))


@pytest.mark.parametrize(("method", "address"), ACTS)
def test_a_task_that_one_may_only_look_at_is_not_to_be_changed(theirs, others, method, address):
    """403 where they can see it, 404 where they cannot: what is not theirs to see is not told of."""
    hidden = stack("mint", others.path)
    limited = let_in("operator", (theirs, "operator"), (others, "viewer"))
    wide = let_in_more("mia", theirs)
    for client, project, expected in ((limited, others, 403), (limited, hidden, 404), (wide, others, 403)):
        key = task_of(project).pk
        answer = getattr(client, method)(address.format(key), {"priority": 7}, content_type="application/json") \
            if address.startswith("/api/") else getattr(client, method)(address.format(key), {"priority": 7})
        assert answer.status_code == expected, (project, answer.text)
        told = "look at this task" in answer.text
        assert told is (expected == 403)
    own = task_of(theirs).pk
    assert limited.delete(f"/api/tasks/{own}").status_code == 409  # theirs, and ended
    assert Task.everything.count() == 3


def let_in_more(name: str, project: Project) -> Client:
    """A viewer of everything who operates one project."""
    user, client = person("viewer", name), Client()
    Grant.objects.create(user=user, project=project.pk, role="operator")
    client.force_login(user)
    return client


def test_what_is_about_the_whole_hub_is_refused(theirs):
    client, script = let_in("operator", (theirs, "operator")), with_key(theirs, role="admin")
    for page in ("/tasks/monitor/", "/tasks/workers/", "/tasks/schedules/", "/retrospectives/", "/projects/new/"):
        assert client.get(page).status_code == 403, page
    for address in ("/api/workers", "/api/lanes", "/api/reports", "/api/projects/adoptable", "/api/filesystem/home"):
        assert "the whole Hub" in error_of(script.get(address), 403)["message"]
    assert "the whole Hub" in error_of(script.post("/api/tasks", {"job": "demo.sleep", "params": {}},
                                                   content_type="application/json"), 403)["message"]
    assert client.get("/metrics").status_code == script.get("/metrics").status_code == 401


def test_without_a_project_there_is_nothing(theirs):
    nobody = let_in("operator")
    page = nobody.get("/")
    assert page.status_code == 200 and theirs.name not in page.text and str(settings.HUB_PROJECTS_ROOT) not in page.text
    for client in (nobody, with_key(role="operator")):
        assert client.get("/api/projects").json()["items"] == []
        error_of(client.get(f"/api/projects/{theirs.pk}"), 404)


def test_an_admin_sees_all(theirs, others):
    client = let_in("admin", (theirs, "viewer"))
    assert client.get(f"/projects/{others.pk}/").status_code == 200
    assert client.get("/admin/projects/project/").status_code == 200


def test_a_grant_that_is_taken_away_counts_at_the_next_request(theirs):
    client = let_in("viewer", (theirs, "viewer"))
    assert client.get(f"/projects/{theirs.pk}/").status_code == 200
    Grant.objects.all().delete()
    assert client.get(f"/projects/{theirs.pk}/").status_code == 404


def test_a_name_that_another_project_has_is_taken(theirs, others):
    client = let_in("operator", (theirs, "operator"))
    answer = client.patch(f"/api/projects/{theirs.pk}", {"name": "smithy"}, content_type="application/json")
    assert answer.status_code in (403, 409)
    answer = with_key(theirs, role="operator").patch(
        f"/api/projects/{theirs.pk}", {"name": "smithy"}, content_type="application/json")
    error_of(answer, 409)


def test_a_port_of_another_project_is_taken_by_nobody_in_particular(theirs, others):
    port = settings.HUB_PORT_RANGE[0]
    PortLease.objects.create(project=others, service="web", container_port=0, host_port=port)
    for projects, said in ((frozenset({theirs.pk}), "leased to another project"), (None, "leased to web of smithy")):
        with acting(), pytest.raises(ProjectError, match=said):
            become("lena", projects)
            check_free(port)


def test_a_command_with_a_key_keeps_to_it(theirs, others, settings, capsys):
    settings.HUB_COMMAND_KEY = make_key("script", scopes=["read"], projects=[theirs.pk])[1]
    call_command("project", "list")
    call_command("task", "list")
    call_command("events", "query")
    said = capsys.readouterr().out
    assert "bakery" in said and "smithy" not in said
    call_command("project", "status", "bakery")
    for words in (("project", "status", "smithy"), ("project", "stop", "bakery"), ("project", "add", "/tmp"),
                  ("task", "show", str(task_of(others).pk)), ("task", "cancel", str(task_of(theirs).pk)),
                  ("task", "prune"), ("events", "publish", f"hub.{settings.HUB_ID}.shop.sold"), ("events", "replay")):
        with pytest.raises(CommandError):
            call_command(*words)
    settings.HUB_COMMAND_KEY += "x"
    with pytest.raises(CommandError, match="wrong, expired or revoked"):
        call_command("project", "list")
    settings.HUB_COMMAND_KEY = ""
    call_command("project", "list")
    assert "smithy" in capsys.readouterr().out


def test_the_poll_of_a_task_costs_one_query(theirs, django_assert_num_queries):
    client = let_in("viewer", (theirs, "viewer"))
    Task.everything.update(state="running", started_at=timezone.now())
    page = f"/tasks/{task_of(theirs).pk}/live/"
    version = re.search(r"[?]v=([^&]+)&", client.get(page).text)[1]
    with django_assert_num_queries(2):  # the session with its person and grants, and the task
        assert client.get(page, {"v": version}).status_code == 204


def test_alerts_are_about_the_whole_hub(theirs):
    rule = Rule.objects.get(builtin="depth")
    moves.move(moves.begin(rule, "", Reading(30), timezone.now()), AlertState.FIRING, fired_at=timezone.now())
    browser = let_in("viewer", (theirs, "viewer"))
    refused = browser.get("/alerts/")
    assert refused.status_code == 403 and "Tasks waiting" not in refused.content.decode()
    assert "Tasks waiting" not in browser.get("/").content.decode()
    Access.objects.update(limited=False)
    assert "Tasks waiting: 30" in browser.get("/").content.decode()
