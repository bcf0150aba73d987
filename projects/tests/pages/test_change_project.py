"""Change, copy and delete a project, and its environment."""

import re
import subprocess
from html import unescape

import pytest
from django.urls import reverse

from events.models import Event
from projects import actions, environment
from projects.binding import home_of
from projects.models import PortLease, Project
from tasks.models import Task

pytestmark = pytest.mark.django_db


def url(name: str, project: Project) -> str:
    return reverse(f"projects:{name}", args=[project.pk])


def text_of(response) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


# --- Copy -------------------------------------------------------------------------------------------------------------


def test_a_copy_is_suggested_with_a_free_name_and_its_own_ports(operator, project):
    page = operator.get(url("copy", project))
    assert 'name="name" value="Shop-2"' in page.content.decode()
    (port,) = page.context["ports"]
    assert port["now"] == PortLease.objects.get().host_port and port["free"] != port["now"]
    assert Project.objects.count() == 1


def test_copy_and_start_makes_a_second_project_beside_the_first(operator, project):
    answer = operator.post(url("copy", project), {"name": "Shop-2", "then": "start"})
    copy = Project.objects.get(name="Shop-2")
    assert answer.url == url("detail", copy)
    assert copy.path == project.path and copy.copied_from == project
    assert len(set(PortLease.objects.values_list("host_port", flat=True))) == 2
    assert Task.objects.get().subject == copy.subject
    assert "Shop-2" in operator.get(url("detail", project)).content.decode()


def test_a_branch_gets_a_work_tree_of_its_own(operator, stack):
    git = ["git", "-C", str(stack), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "x"], ["branch", "feature"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    project = actions.create_project(name="Shop", path=str(stack))
    assert set(operator.get(url("copy", project)).context["branches"]) == {"main", "feature"}
    operator.post(url("copy", project), {"name": "Shop feature", "branch": "feature"})
    copy = Project.objects.get(name="Shop feature")
    assert copy.path != project.path and (home_of(copy.slug) / "tree" / "Procfile").is_file()


@pytest.mark.parametrize(
    ("fields", "words", "place"),
    [({"name": "shop"}, "already a project named shop", "name-error"), ({"name": ""}, "needs a name", "name-error"),
     ({"name": "B", "path": "/nowhere"}, "is outside of", "path-error"),
     ({"name": "B", "branch": "nosuch"}, "There is no branch", "branch-error")],
)  # fmt: skip
def test_a_copy_that_cannot_be_is_said_beside_its_field(operator, project, fields, words, place):
    page = operator.post(url("copy", project), fields)
    assert page.status_code == 422 and words in text_of(page) and place in page.content.decode()
    assert Project.objects.count() == 1


# --- Delete -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def data(project):
    folder = home_of(project.slug) / "data"
    folder.mkdir(parents=True)
    (folder / "orders.db").write_text("x" * 5000)
    return folder


def test_the_preview_lists_what_goes_and_what_stays(operator, project, data):
    page = operator.get(url("delete", project))
    text = text_of(page)
    goes, stays = text[text.index("Goes") : text.index("Stays")], text[text.index("Stays") :]
    assert str(data) in goes and str(PortLease.objects.get().host_port) in goes
    assert project.path in stays
    assert not Task.objects.exists()


def test_delete_keeps_the_data_unless_asked(operator, project, data):
    answer = operator.post(url("delete", project), {"data": "keep", "confirm": ""})
    task = Task.objects.get()
    assert answer.url == reverse("tasks:detail", args=[task.pk])
    assert task.params == {"project": project.pk, "data": "keep"}


@pytest.mark.parametrize("typed", ["", "shop", "Shop ", "Other"])
def test_removing_data_needs_the_name(operator, project, data, typed):
    page = operator.post(url("delete", project), {"data": "remove", "confirm": typed})
    assert page.status_code == 422 and "The name does not match" in text_of(page)
    assert not Task.objects.exists()


def test_removing_data_with_the_name(operator, project, data):
    operator.post(url("delete", project), {"data": "remove", "confirm": "Shop"})
    assert Task.objects.get().params["data"] == "remove"


def test_delete_while_a_task_is_under_way_is_refused(operator, project):
    task = actions.start(project)
    page = operator.post(url("delete", project), {"data": "keep"})
    assert page.status_code == 409 and reverse("tasks:detail", args=[task.pk]) in page.content.decode()


def test_a_word_that_is_no_choice_is_refused(operator, project):
    assert operator.post(url("delete", project), {"data": "everything"}).status_code == 422
    assert not Task.objects.exists()


# --- Settings ---------------------------------------------------------------------------------------------------------


def test_a_project_is_renamed_and_set_to_start_with_hub(operator, project):
    answer = operator.post(url("settings", project), {"name": "Boutique", "autostart": "on"}, follow=True)
    project.refresh_from_db()
    assert (project.name, project.autostart) == ("Boutique", True)
    assert "Saved." in text_of(answer)


def test_a_port_is_changed(operator, project):
    port = PortLease.objects.get().host_port
    operator.post(url("settings", project), {"name": "Shop", "port.web:5000": str(port + 40)})
    assert PortLease.objects.get().host_port == port + 40


def test_the_port_of_another_is_refused(operator, project):
    other = actions.create_project(name="Other", path=project.path)
    port = other.leases.get().host_port
    page = operator.post(url("settings", project), {"name": "Shop", "port.web:5000": str(port)})
    assert page.status_code == 422 and f"Port {port} is leased to web of Other" in text_of(page)
    assert f'value="{port}"' in page.content.decode()


def test_a_refused_change_changes_nothing(operator, project):
    actions.create_project(name="Other", path=project.path)
    page = operator.post(url("settings", project), {"name": "other", "autostart": "on"})
    project.refresh_from_db()
    assert page.status_code == 422 and (project.name, project.autostart) == ("Shop", False)


# --- Environment ------------------------------------------------------------------------------------------------------


SECRETS = {"API_KEY": "sk-live-31337", "DATABASE_URL": "postgres://app:hunter2@db/shop", "MODE": "fast", "NOTE": "a\nb"}


@pytest.fixture
def with_secrets(project):
    actions.update_project(project, env=SECRETS)
    return project


def test_secrets_are_not_in_the_page(operator, viewer, with_secrets):
    for client in (operator, viewer):
        page = client.get(url("environment", with_secrets)).content.decode()
        assert "API_KEY" in page and "fast" in page
        assert "31337" not in page and "hunter2" not in page


def test_a_secret_is_shown_when_asked_and_that_is_recorded(operator, with_secrets):
    page = operator.post(url("environment-show", with_secrets), {"name": "API_KEY"})
    assert "sk-live-31337" in page.content.decode() and "hunter2" not in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    fact = Event.objects.get(subject__endswith="audit.environment-shown")
    assert fact.payload == {"project": with_secrets.pk, "name": "Shop", "variable": "API_KEY"}
    assert fact.actor == "operator"


def test_a_viewer_sees_no_secret_and_changes_nothing(viewer, with_secrets):
    assert viewer.post(url("environment-show", with_secrets), {"name": "API_KEY"}).status_code == 403
    assert viewer.post(url("environment", with_secrets), {"remove": "MODE"}).status_code == 403
    assert environment.load(Project.objects.get()) == SECRETS


def save(operator, project, **fields):
    """Send the form as a browser does: every input that the page holds, then what was typed."""
    rows = operator.get(url("environment", project)).context["variables"]
    shown = {f"env.{row.name}": "" if row.secret else row.value.replace("\n", "\r\n") for row in rows}
    secret = [row.name for row in rows if row.secret]
    return operator.post(url("environment", project), shown | {"secret": secret, "add": ""} | fields)


def test_saving_leaves_what_was_not_touched(operator, with_secrets):
    assert save(operator, with_secrets, **{"env.MODE": "slow"}).status_code == 302
    assert environment.load(Project.objects.get()) == SECRETS | {"MODE": "slow"}


def test_variables_are_added_changed_and_removed(operator, with_secrets):
    save(operator, with_secrets, add="NEW=1\r\nexport MODE='slow mode'\r\n# comment\r\n", remove="NOTE")
    expected = SECRETS | {"NEW": "1", "MODE": "slow mode"}
    del expected["NOTE"]
    assert environment.load(Project.objects.get()) == expected


def test_a_new_value_of_a_secret_is_taken(operator, with_secrets):
    save(operator, with_secrets, **{"env.API_KEY": "sk-new"})
    assert environment.load(Project.objects.get())["API_KEY"] == "sk-new"


@pytest.mark.parametrize(
    ("lines", "words"),
    [("1BAD=x", "Line 1: the name"), ("A=1\r\nnothing", "Line 2"), ("PORT=80", "PORT is set by Hub itself")],
)
def test_a_bad_line_is_said_and_the_text_is_kept(operator, with_secrets, lines, words):
    page = save(operator, with_secrets, add=lines)
    assert page.status_code == 422 and words in text_of(page)
    assert lines.replace("\r\n", "\n") in page.content.decode().replace("\r\n", "\n")
    assert environment.load(Project.objects.get()) == SECRETS


def test_a_running_project_says_that_a_change_waits_for_a_restart(operator, with_secrets):
    with_secrets.revisions.create(number=1, definition={}, environment=environment.encrypt({**SECRETS, "MODE": "old"}))
    Project.objects.update(state="running")
    page = operator.get(url("environment", with_secrets))
    assert page.context["changed"] == ["MODE"] and "1 change waits for a restart" in text_of(page)


def test_the_folders_own_variables_are_listed_masked(operator, folder):
    path = folder(**{"Procfile": "web: run $PORT\n", ".env": "TOKEN=abc123\nCOLOR=blue\n"})
    project = actions.create_project(name="Shop", path=str(path))
    page = operator.get(url("environment", project)).content.decode()
    assert "COLOR" in page and "blue" in page and "TOKEN" in page and "abc123" not in page
