"""Start, stop, restart and cancel from the pages, with and without script."""

import socket

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.tests.people import person
from projects import actions
from projects.models import PortLease, Project, Service
from tasks.models import Task

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


def url(name: str, project: Project, *arguments) -> str:
    return reverse(f"projects:{name}", args=[project.pk, *arguments])


def test_start_without_script_leads_to_the_project(operator, project):
    answer = operator.post(url("start", project))
    assert answer.status_code == 302 and answer.url == url("detail", project)
    assert Task.objects.get().job == "projects.start"
    assert Project.objects.get().state == "starting"


@pytest.mark.parametrize(
    ("target", "root"),
    [("live", '<div class="titles" id="titles" hx-swap-oob="true"'), ("titles", '<div class="titles" id="titles"'),
     ("project-{pk}", '<article class="project" id="project-{pk}"')],
)
def test_start_answers_htmx_with_the_fragment_that_asked(operator, project, target, root):
    answer = operator.post(url("start", project), headers=HTMX | {"HX-Target": target.format(pk=project.pk)})
    assert answer.status_code == 200
    assert answer.content.decode().strip().startswith(root.format(pk=project.pk))
    assert "Starting" in answer.content.decode() and "<html" not in answer.content.decode()


def test_a_double_submit_is_one_task(operator, project):
    for _ in range(2):
        assert operator.post(url("start", project)).status_code == 302
    assert Task.objects.count() == 1


def test_another_action_meanwhile_is_refused_with_the_task_that_is_under_way(operator, project):
    task = actions.start(project)
    page = operator.post(url("stop", project))
    assert page.status_code == 409
    assert "Start Shop is under way" in page.content.decode()
    assert reverse("tasks:detail", args=[task.pk]) in page.content.decode()
    fragment = operator.post(url("stop", project), headers=HTMX | {"HX-Target": "live"})
    assert fragment.status_code == 409 and 'id="refusal"' in fragment.content.decode()
    card = operator.post(url("stop", project), headers=HTMX | {"HX-Target": f"project-{project.pk}"})
    assert card.status_code == 409 and "Start Shop is under way" in card.content.decode()
    assert Task.objects.count() == 1


def test_cancel_ends_the_waiting_task(operator, project):
    task = actions.start(project)
    assert operator.post(url("cancel", project)).status_code == 302
    task.refresh_from_db()
    assert task.state == "cancelled"
    assert operator.post(url("cancel", project)).status_code == 302  # nothing is under way: nothing happens


def test_a_service_of_a_running_project_is_restarted(operator, project):
    Project.objects.update(state="running")
    assert operator.post(url("restart-service", project, "web")).status_code == 302
    assert Task.objects.get().params["service"] == "web"
    assert operator.post(url("restart-service", project, "nobody")).status_code == 404


def test_a_service_of_a_stopped_project_is_not(operator, project):
    page = operator.post(url("restart-service", project, "web"))
    assert page.status_code == 409 and "only a service of a running project" in page.content.decode()
    assert not Task.objects.exists()


def test_a_port_that_a_stranger_listens_on_is_said_and_another_is_one_click_away(operator, project):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        taken = listener.getsockname()[1]
        PortLease.objects.update(host_port=taken)
        lease = PortLease.objects.get()
        page = operator.get(url("detail", project)).content.decode()
        assert f"Port {taken} of web is taken." in page and url("release-port", project, lease.pk) in page
        assert operator.post(url("release-port", project, lease.pk)).status_code == 302
    lease.refresh_from_db()
    assert lease.host_port != taken
    assert "is taken." not in operator.get(url("detail", project)).content.decode()


def test_the_port_of_another_project_is_not_found(operator, project, folder):
    other = actions.create_project(name="Other", path=project.path)
    lease = other.leases.get()
    assert operator.post(url("release-port", project, lease.pk)).status_code == 404


def test_a_failed_project_shows_why_at_the_top(operator, project):
    Project.objects.update(state="failed", reason="web exited with code 1 after 2 s, 5 times in a row.")
    lines = [f"line {number}" for number in range(19)] + ["KeyError: 'TOKEN'"]
    Service.objects.update(state="failed", reason="exited with code 1 after 2 s", exit_code=1, last_lines=lines)
    page = operator.get(url("detail", project)).content.decode()
    fault = page[page.index('<section class="fault"') : page.index('id="services"')]
    assert "web exited with code 1 after 2 s" in fault and "<pre>KeyError: &#x27;TOKEN&#x27;</pre>" in fault
    assert "Last 20 lines of web" in fault and fault.count("<li") == 20
    card = operator.get(reverse("home")).content.decode()
    assert "5 times in a row" in card and "Try again" in card


@pytest.mark.parametrize("between", [" ", ": "])
def test_a_service_that_failed_among_others_is_told_once_and_restarted_beside_it(operator, project, between):
    why = "exited with code 7 after 1.5 s, 5 times in a row"
    Project.objects.update(state="running", desired="running", reason=f"web{between}{why}", observed_at=timezone.now())
    Service.objects.update(state="failed", reason=why, exit_code=7, last_lines=["gone"])
    Service.objects.create(project=project, name="api", state="running", position=1)
    page = operator.get(url("detail", project)).content.decode()
    told = page[page.index('id="told"') : page.index('id="services"')]
    assert told.count(why) == 1 and url("restart-service", project, "web") in told


def test_running_ports_are_links_to_the_host_that_was_asked(operator, project, settings):
    settings.ALLOWED_HOSTS = ["*"]
    Project.objects.update(state="running", observed_at="2999-01-01T00:00:00Z")
    Service.objects.update(state="running")
    port = PortLease.objects.get().host_port
    for asked, linked in [("hub.example:9000", "hub.example"), ("localhost", "127.0.0.1"), ("10.0.0.7", "10.0.0.7")]:
        page = operator.get(url("detail", project), headers={"Host": asked}).content.decode()
        assert f'href="http://{linked}:{port}"' in page


POSTED = ["start", "stop", "restart", "cancel"]
READ = ["detail", "live", "head", "card", "logs", "log-lines", "log-file", "environment"]
FORMS = ["copy", "delete", "settings"]


@pytest.mark.parametrize(("name", "opens"), [
    ("postgres", False), ("orders-db", False), ("redis", False), ("smtp", False), ("db-admin", True), ("web", True),
    ("redisearch-ui", True), ("worker", True),
])  # fmt: skip
def test_a_port_that_no_browser_speaks_to_is_text_to_copy(operator, project, name, opens):
    Project.objects.update(state="running", observed_at="2999-01-01T00:00:00Z")
    Service.objects.update(state="running", name=name)
    PortLease.objects.update(service=name)
    port = PortLease.objects.get().host_port
    for page in (url("detail", project), reverse("home")):
        page = operator.get(page, headers={"Host": "localhost"})
        assert (f'href="http://127.0.0.1:{port}"' in page.content.decode()) == opens
        assert str(port) in page.content.decode()
    assert (f'data-copy="#port-{port}"' in operator.get(url("detail", project)).content.decode()) != opens


@pytest.mark.parametrize(("procfile", "dotenv", "number"), [
    ("web: ./serve $PORT\n", "", None), ("web: ./serve ${PORT:-8123}\n", "", 8123),
    ("# hub: port=8123\nweb: ./serve\n", "", 8123), ("web: ./serve $PORT\n", "WEB_PORT=8123\n", 8123),
])  # fmt: skip
def test_a_number_is_shown_beside_the_port_only_where_the_folder_names_it(operator, folder, procfile, dotenv, number):
    path = folder(**{"Procfile": procfile, ".env": dotenv})
    project = actions.create_project(name="Kiosk", path=str(path))
    shown = [operator.get(url(name, project)).content.decode() for name in ("detail", "settings")]
    assert ("from 8123" in shown[0], ">8123<" in shown[1]) == ((True, True) if number else (False, False))
    assert not any(word in page for page in shown for word in ("from 5000", ">5000<"))


def test_a_project_that_nobody_started_says_so(operator, project):
    for page in (operator.get(url("detail", project)), operator.get(reverse("home"))):
        text = page.content.decode()
        assert "never started" in text and "stopped &lt;" not in text and "min ago, never" not in text


@pytest.mark.parametrize(("act", "target"), [("stop", "live"), ("start", "titles")])
def test_the_answer_to_an_action_brings_the_counts_along(operator, project, act, target):
    headers = {"HX-Request": "true", "HX-Target": target}
    answer = operator.post(url(act, project), headers=headers).content.decode()
    assert 'id="task-count" hx-swap-oob="true">1<' in answer
    assert 'id="nav-tasks" hx-swap-oob="true">1<' in answer


@pytest.mark.parametrize("name", POSTED + READ + FORMS)
def test_an_unknown_project_is_not_found(operator, name):
    ask = operator.post if name in POSTED else operator.get
    assert ask(reverse(f"projects:{name}", args=[999])).status_code == 404


@pytest.mark.parametrize("name", POSTED + READ)
def test_a_wrong_method_is_answered_405(operator, project, name):
    ask = operator.get if name in POSTED else operator.put
    assert ask(url(name, project)).status_code == 405
    assert not Task.objects.exists()


@pytest.mark.parametrize("name", POSTED + READ + FORMS)
def test_a_stranger_is_led_to_the_sign_in_page(client, project, name):
    ask = client.post if name in POSTED else client.get
    answer = ask(url(name, project))
    assert answer.status_code == 302 and answer.url.startswith("/sign-in/")
    assert not Task.objects.exists()


@pytest.mark.parametrize("name", [*POSTED, "copy", "delete", "settings"])
def test_a_viewer_may_not_act(viewer, project, name):
    assert viewer.post(url(name, project), {"name": "Other"}).status_code == 403
    assert not Task.objects.exists() and Project.objects.count() == 1


@pytest.mark.parametrize("name", ["detail", "logs", "environment"])
def test_a_viewer_reads_without_buttons_that_act(viewer, project, name):
    page = viewer.get(url(name, project))
    assert page.status_code == 200
    assert url("start", project) not in page.content.decode() and url("delete", project) not in page.content.decode()


@pytest.mark.parametrize("name", [*POSTED, "copy", "delete", "settings", "environment"])
def test_a_form_without_its_token_is_refused(project, name):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person("operator"))
    assert strict.post(url(name, project), {"name": "Other"}).status_code == 403
    assert not Task.objects.exists()


def test_a_project_deleted_meanwhile_leads_its_open_page_home(operator, project):
    pk = project.pk
    project.delete()
    answer = operator.get(reverse("projects:live", args=[pk]), headers=HTMX)
    assert answer.status_code == 200 and answer["HX-Redirect"] == reverse("home")


def test_the_head_of_another_tab_says_what_was_refused(operator, project):
    actions.start(project)
    answer = operator.post(url("stop", project), headers=HTMX | {"HX-Target": "titles"})
    assert answer.status_code == 409 and "Start Shop is under way" in answer["HX-Trigger"]


def test_progress_is_on_the_page_again_after_a_reload(operator, project):
    task = actions.start(project)
    steps = [{"key": "web", "label": "web answers", "done": 0, "total": 1, "detail": "", "usual": None,
              "started": "2026-01-01T00:00:00+00:00", "ended": None, "tail": None}]
    Task.objects.filter(pk=task.pk).update(state="running", started_at="2026-01-01T00:00:00Z", steps=steps,
                                           steps_total=4, steps_done=1, step="web answers")
    for _ in range(2):
        page = operator.get(url("detail", project)).content.decode()
        assert "1 of 4 done · web answers" in page and "web answers<span" in page
        assert 'hx-trigger="every 0.5s, ' in page
