"""People and keys who may not see parameters, environments and logs are told none, wherever these stand."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from accounts.actions import make_key
from accounts.models import Access
from accounts.tests.people import person
from events.secrets import MASK
from events.statements import run
from projects import actions
from projects.models import Project
from tasks.models import LogLine, Task
from tasks.search.documents import note
from tasks.search.filling import catch_up

pytestmark = pytest.mark.django_db
PLANTED = "planted-7391"


@pytest.fixture
def project(projects_folder) -> Project:
    """A project whose environment, task and log hold a word."""
    made = actions.create_project(name="Shop", path=str(projects_folder), env={"COLOUR": PLANTED})
    task = Task.objects.create(
        job="projects.start", title="Start", subject=made.subject, state="failed", lane="default", actor="test",
        params={"what": PLANTED}, error="It failed.", detail=f"web said {PLANTED}",
    )  # fmt: skip
    LogLine.objects.create(task=task, text=f"a line with {PLANTED}")
    Project.objects.update(state="failed", reason="web failed")
    made.services.update(state="failed", last_lines=[f"a line with {PLANTED}"])
    return made


def asked(client: Client, project: Project) -> dict[str, Any]:
    """By address what it answers."""
    task, base = Task.objects.get(job="projects.start"), f"/projects/{project.pk}/"
    pages = ("/", base, f"{base}logs/", f"{base}logs/file/", f"{base}environment/", f"{base}revisions/", f"{base}live/",
             "/tasks/", f"/tasks/{task.pk}/", f"/tasks/{task.pk}/live/?after=0", f"/tasks/{task.pk}/log.txt")
    one = f"/projects/{project.pk}"
    operations = (one, f"{one}/logs", f"{one}/log-search?q=line", f"{one}/log-file",
                  f"/orchestration/{project.pk}/status", "/projects", "/tasks",
                  f"/tasks/{task.pk}", f"/tasks/{task.pk}/status", "/tasks/search?q=job:projects.start")
    return {address: client.get(address) for address in (*pages, *(f"/api{one}" for one in operations))}


def person_of(payloads: bool) -> Client:
    user, client = person("operator", f"mara {payloads}".replace(" ", "")), Client()
    Access.objects.create(user=user, payloads=payloads)
    client.force_login(user)
    return client


def telling(answers: dict[str, Any]) -> set[str]:
    # What streams by itself is a log that is there for the asker, or is refused.
    return {address for address, answer in answers.items()
            if not getattr(answer, "is_async", False) and PLANTED in answer.getvalue().decode()}


def test_they_are_told_to_others(project):
    told = telling(asked(person_of(True), project))
    task = Task.objects.get(job="projects.start").pk
    base = f"/projects/{project.pk}/"
    assert {base, f"{base}environment/", f"/tasks/{task}/", f"/tasks/{task}/log.txt",
            f"/api/projects/{project.pk}", f"/api/orchestration/{project.pk}/status", f"/api/tasks/{task}"} <= told


def test_they_are_told_nowhere(project):
    answers = asked(person_of(False), project)
    assert not telling(answers)
    refused = {address for address, answer in answers.items() if answer.status_code == 403}
    assert refused == {address for address in answers if "/log" in address or address.endswith("/environment/")}
    assert all(answer.status_code == 200 for address, answer in answers.items() if address not in refused)


def test_a_key_is_told_none(project):
    plain = make_key("script", "admin", payloads=False)[1]
    client = Client(headers={"Authorization": f"Bearer {plain}"})
    answers = {address: answer for address, answer in asked(client, project).items() if address.startswith("/api/")}
    assert not telling(answers)
    assert answers[f"/api/projects/{project.pk}"].json()["env"] == {"COLOUR": MASK}
    task = Task.objects.get(job="projects.start")
    assert answers[f"/api/tasks/{task.pk}"].json() | {"params": {"what": MASK}, "log_tail": [], "detail": ""} == (
        answers[f"/api/tasks/{task.pk}"].json())


def test_what_is_sent_back_masked_stays_as_it_was(project):
    plain = make_key("script", "admin", payloads=False)[1]
    client = Client(headers={"Authorization": f"Bearer {plain}"})
    answer = client.patch(f"/api/projects/{project.pk}", {"env": {"COLOUR": MASK, "MORE": "x"}},
                          content_type="application/json")
    assert answer.status_code == 200, answer.text
    client = Client(headers={"Authorization": f"Bearer {make_key('other', 'admin')[1]}"})
    assert client.get(f"/api/projects/{project.pk}").json()["env"] == {"COLOUR": PLANTED, "MORE": "x"}


def test_nobody_learns_by_searching_what_they_may_not_see(project):
    run(note(Task.objects.get(job="projects.start")))
    catch_up()
    for word in (PLANTED, f"{PLANTED[:9]}*", f'"what {PLANTED}"'):
        found = {may: person_of(may).get("/api/tasks/search", {"q": word}).json()["items"] for may in (True, False)}
        assert len(found[True]) == 1 and found[False] == [], word
        User.objects.filter(username__startswith="mara").delete()
    assert len(person_of(False).get("/api/tasks/search", {"q": "start"}).json()["items"]) == 1
