"""The polls of open pages: cheap while nothing changes, and still only for those who may look."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Role
from accounts.roles import give_role
from accounts.tests.people import PASSWORD, person
from projects import actions
from projects.binding import home_of
from projects.models import Project
from tasks.actions import enqueue
from tasks.jobs import Sleep
from tasks.models import LogLine, Task

pytestmark = pytest.mark.django_db

POLL = re.compile(r'id="(?:live|task-live)"[^>]*?hx-get="([^"]+)"')


@pytest.fixture
def looker() -> Client:
    """Somebody who may look, and do no more."""
    client = Client()
    client.force_login(person("viewer", "vera"))
    return client


@pytest.fixture(params=["project", "task"])
def page(request: pytest.FixtureRequest, projects_folder: Path) -> Iterator[str]:
    """The page of something that is under way."""
    if request.param == "project":
        project = actions.create_project(name="Polled", path=str(projects_folder))
        yield project.get_absolute_url()
        shutil.rmtree(home_of(project.slug), ignore_errors=True)
    else:
        task = enqueue(Sleep, {"seconds": 600})
        Task.objects.filter(pk=task.pk).update(state="running", started_at=timezone.now())
        yield f"/tasks/{task.pk}/"


@pytest.fixture
def ask(looker: Client, page: str) -> Callable[[], tuple[int, dict[str, str]]]:
    """Polls as that page does, with what the page shows at that moment: status and headers of the answer."""
    poll = POLL.search(looker.get(page).content.decode())[1].replace("&amp;", "&")

    def again() -> tuple[int, dict[str, str]]:
        answer = looker.get(poll, headers={"HX-Request": "true", "HX-Current-URL": f"http://testserver{page}"})
        return answer.status_code, dict(answer.headers)

    return again


def test_what_has_not_changed_is_said_in_two_queries(looker, page):
    tries = []
    for _ in range(3):  # ages move on by themselves: one of three looks is not at that moment
        poll = POLL.search(looker.get(page).content.decode())[1].replace("&amp;", "&")
        with CaptureQueriesContext(connection) as queries:
            answer = looker.get(poll, headers={"HX-Request": "true"})
        tries.append((answer.status_code, answer.content, len(queries)))
        if answer.status_code == 204:
            break
    assert tries[-1] == (204, b"", 2), tries


def test_what_has_changed_is_sent(ask):
    Project.objects.update(reason="web was killed", state="failed")
    Task.objects.update(cancel_requested=True)
    assert ask()[0] == 200


def test_a_new_line_of_the_log_is_sent_once(looker):
    task = enqueue(Sleep, {"seconds": 600})
    Task.objects.filter(pk=task.pk).update(state="running", started_at=timezone.now())
    shown = looker.get(f"/tasks/{task.pk}/").content.decode()
    for text in ("the first", "the second"):
        LogLine.objects.create(task=task, text=text)
        shown = looker.get(POLL.search(shown)[1].replace("&amp;", "&")).content.decode()
        assert re.findall("the (?:first|second)", shown) == [text]


def test_signing_out_ends_the_polls_of_every_page_at_once(looker, ask, page):
    looker.post("/sign-out/")
    status, headers = ask()
    assert status == 401 and headers["HX-Redirect"] == f"/sign-in/?next={page}"


@pytest.mark.parametrize("change", [
    lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
    lambda user: user.delete(),
    lambda user: (user.set_password(PASSWORD + "!"), user.save()),
], ids=["switched off", "deleted", "new password"])  # fmt: skip
def test_who_may_sign_in_no_more_is_out_at_the_next_poll(ask, change):
    change(User.objects.get(username="vera"))
    assert ask()[0] == 401


def test_who_has_lost_the_role_is_refused_at_the_next_poll(ask):
    user = User.objects.get(username="vera")
    user.groups.clear()
    assert ask()[0] == 403
    give_role(user, Role.OPERATOR)
    assert ask()[0] in (200, 204)


def test_nobody_polls_without_a_session(page):
    stranger = Client()
    for poll in (f"{page}live/", f"{page}live/?version=x&v=x"):
        assert stranger.get(poll, headers={"HX-Request": "true"}).status_code == 401
        assert stranger.get(poll).status_code == 302


def test_what_is_gone_is_not_found(looker, page):
    gone = re.sub(r"\d(?=\D*$)", lambda digit: str((int(digit[0]) + 1) % 10), page)
    assert looker.get(f"{gone}live/").status_code == 404
