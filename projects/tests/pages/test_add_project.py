"""Add a project: choose a folder, see what it runs, save it; and everything that can be wrong with it."""

import re
import socket
from html import unescape

import pytest
from django.urls import reverse

from projects.models import PortLease, Project, Service
from projects.tests.pages.conftest import WEB
from tasks.models import Task

pytestmark = pytest.mark.django_db

NEW = reverse("projects:new")
TWO = WEB + "worker: python3 worker.py\n"


def text_of(response) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def test_the_page_lists_the_folders_under_the_root(operator, stack):
    page = operator.get(NEW, {"path": str(stack.parent)})
    assert page.status_code == 200
    assert f"?path={stack}" in unescape(page.content.decode())
    assert "Procfile" in text_of(page)


def test_a_folder_shows_its_services_and_the_ports_it_would_get(operator, folder):
    path = folder(Procfile=TWO)
    page = operator.get(NEW, {"path": str(path)})
    assert [service.name for service in page.context["services"]] == ["web", "worker"]
    (port,) = page.context["services"][0].ports
    assert f'name="{port.field}"' in page.content.decode() and f'value="{port.value}"' in page.content.decode()
    assert page.context["services"][1].ports == ()
    assert f'value="{path.name}"' in page.content.decode()
    assert not Project.objects.exists() and not PortLease.objects.exists()


def test_fragments_are_what_the_page_holds(operator, stack):
    whole = operator.get(NEW, {"path": str(stack)}).content.decode()
    browser = operator.get(reverse("projects:browse"), {"path": str(stack)}, headers={"HX-Request": "true"})
    preview = operator.get(reverse("projects:preview"), {"path": str(stack)}, headers={"HX-Request": "true"})
    assert browser.content.decode().startswith('<div class="browser" id="browser">')
    assert 'id="preview" hx-swap-oob="true"' in browser.content.decode()
    assert preview.content.decode().strip() in whole


def test_add_only_saves_without_starting(operator, stack):
    saved = operator.post(NEW, {"path": str(stack), "name": "Boutique", "engine": "process", "then": ""})
    project = Project.objects.get()
    assert saved.status_code == 302 and saved.url == reverse("projects:detail", args=[project.pk])
    assert (project.name, project.path, project.state) == ("Boutique", str(stack), "stopped")
    assert Service.objects.get().name == "web" and PortLease.objects.count() == 1
    assert not Task.objects.exists()


def test_add_and_start_begins_a_task_and_leads_to_its_progress(operator, stack):
    page = operator.post(NEW, {"path": str(stack), "name": "Boutique", "then": "start"}, follow=True)
    task = Task.objects.get()
    assert (task.job, task.subject) == ("projects.start", Project.objects.get().subject)
    assert 'id="live"' in page.content.decode() and "Waits for a free worker" in text_of(page)


def test_a_chosen_port_is_leased(operator, stack):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    operator.post(NEW, {"path": str(stack), "name": "Boutique", "port.web:5000": str(free)})
    assert PortLease.objects.get().host_port == free


@pytest.mark.parametrize("port", ["web", "0", "70000", "-1", "1e3", "٣٠٠٠"])
def test_what_is_no_port_is_said_beside_it(operator, stack, port):
    page = operator.post(NEW, {"path": str(stack), "name": "Boutique", "port.web:5000": port})
    assert page.status_code == 422
    assert "Use a number from 1 to 65535" in text_of(page) and f'value="{port}"' in page.content.decode()
    assert not Project.objects.exists()


def test_a_port_that_somebody_listens_on_is_refused(operator, stack):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        page = operator.post(NEW, {"path": str(stack), "name": "Boutique", "port.web:5000": str(port)})
    assert page.status_code == 422 and f"Port {port} is taken" in text_of(page)
    assert not Project.objects.exists() and not PortLease.objects.exists()


def bad_folders(folder, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "Procfile").write_text(WEB)
    link = folder() / "link"
    link.symlink_to(outside)
    loop = folder() / "loop"
    loop.symlink_to(loop)  # what nobody can read, root neither
    return {
        "missing": (str(folder()) + "/nowhere", "does not exist"),
        "outside": (str(outside), "is outside of"),
        "symlink": (str(link), "leads out of"),
        "unreadable": (str(loop), "cannot be read"),
        "empty": (str(folder()), "There is no stack in"),
        "both": (str(folder(**{"Procfile": WEB, "compose.yaml": "services: {}"})), "Say which engine"),
        "broken": (str(folder(Procfile=WEB + "what is this\n")), "Procfile, line 2"),
        "dots": (f"{folder(Procfile=WEB)}/../", "has “..” in it"),
        "relative": ("code/shop", "not an absolute path"),
        "nothing": ("", "The path is empty"),
        "nul": ("/a\0b", "Null characters"),
        "long": ("/" + "a" * 300, "too long"),
        "a file": (str(folder(Procfile=WEB) / "Procfile"), "is not a folder"),
    }


BAD = ["missing", "outside", "symlink", "unreadable", "empty", "both", "broken", "dots", "relative", "nothing", "nul",
       "long", "a file"]


@pytest.mark.parametrize("kind", BAD)
def test_a_folder_that_cannot_be_run_is_said_and_nothing_is_made(operator, folder, tmp_path, kind):
    path, words = bad_folders(folder, tmp_path)[kind]
    page = operator.post(NEW, {"path": path, "name": "Boutique", "then": "start"})
    assert page.status_code == 422
    assert words.replace("“", '"').replace("”", '"') in text_of(page)
    assert not Project.objects.exists() and not PortLease.objects.exists() and not Task.objects.exists()


def test_with_two_definitions_the_page_asks_which_and_takes_the_answer(operator, folder):
    path = folder(**{"Procfile": WEB, "compose.yaml": "services: {}"})
    page = operator.get(NEW, {"path": str(path)})
    assert [choice.value for choice in page.context["engines"]] == ["process", "compose"]
    assert 'type="radio" name="engine" value="process"' in page.content.decode()
    operator.post(NEW, {"path": str(path), "name": "Boutique", "engine": "process"})
    assert Project.objects.get().engine == "process"


BAD_NAMES = [("", "needs a name"), ("   ", "needs a name"), ("x" * 300, "300 characters"), ("a\nb", "cannot be seen"),
             ("***", "needs a letter")]


@pytest.mark.parametrize(("name", "words"), BAD_NAMES)
def test_a_bad_name_is_said_beside_it(operator, stack, name, words):
    page = operator.post(NEW, {"path": str(stack), "name": name})
    assert page.status_code == 422 and words in text_of(page)
    assert 'id="name-error"' in page.content.decode()
    assert not Project.objects.exists()


NAMES = ["Käse & Brötchen", "購物", "../../etc/passwd", "<script>alert(1)</script>", "a" * 100]


@pytest.mark.parametrize("name", NAMES)
def test_any_readable_name_is_kept_and_shown_as_text(operator, stack, name):
    page = operator.post(NEW, {"path": str(stack), "name": name}, follow=True)
    project = Project.objects.get()
    assert project.name == name and re.fullmatch(r"[a-z0-9-]{1,48}", project.slug)
    assert (page.status_code == 200 and name in text_of(page)) or "script" in name
    assert "<script>alert" not in page.content.decode()
    assert "<script>alert" not in operator.get(reverse("home")).content.decode()


def test_the_same_name_twice_is_refused_and_the_form_keeps_what_was_typed(operator, stack, project):
    page = operator.post(NEW, {"path": str(stack), "name": "shop"})
    assert page.status_code == 422 and "already a project named shop" in text_of(page)
    assert 'value="shop"' in page.content.decode() and Project.objects.count() == 1


def test_look_without_script_shows_the_folder_and_saves_nothing(operator, stack):
    page = operator.post(NEW, {"path": str(stack), "look": "1"})
    assert page.status_code == 200 and page.context["services"][0].name == "web"
    assert not Project.objects.exists()


def test_an_example_can_be_added_although_it_is_outside_the_root(operator):
    page = operator.get(reverse("home"))
    example = page.context["examples"][0]
    assert str(example.path) in page.content.decode()
    operator.post(NEW, {"path": str(example.path), "name": example.name, "then": "start"})
    assert Project.objects.get().path == str(example.path) and Task.objects.get().job == "projects.start"


@pytest.mark.parametrize(("procfile", "words"), [
    ("web: nosuchprogram --port $PORT\n", "web: the command nosuchprogram was not found (Procfile, line 1)."),
    ("web: python3 -m http.server\n", "web does not mention $PORT, so Hub cannot give it its port."),
])  # fmt: skip
def test_what_would_stop_a_start_is_said_before_it_is_added(operator, folder, procfile, words):
    for page in (NEW, reverse("projects:preview")):
        text = text_of(operator.get(page, {"path": str(folder(Procfile=procfile))}))
        assert words in text and "1 warning" in text and "No problem found" not in text
        assert "Add only" in text


@pytest.mark.parametrize("procfile", [
    "web: python3 -m http.server $PORT\n", "web: python3 -m http.server ${WEB_PORT}\n",
    "# hub: port=8000\nweb: python3 serve.py\n", "# hub: no-port\nweb: python3 serve.py\n",
    "web: python3 -m http.server $PORT\nworker: sleep 600\n",
    "# hub: instances=2\nweb: python3 -m http.server $PORT\n",
])  # fmt: skip
def test_a_folder_in_order_has_no_warning(operator, folder, procfile):
    page = operator.get(NEW, {"path": str(folder(Procfile=procfile))})
    assert "No problem found" in text_of(page) and page.context["warnings"] == []


def test_a_folder_that_is_added_already_says_so_and_can_be_added_again(operator, stack, project):
    page = operator.get(NEW, {"path": str(stack)})
    assert "This folder is already added as Shop ." in text_of(page)
    assert reverse("projects:copy", args=[project.pk]) in page.content.decode()
    again = operator.post(NEW, {"path": str(stack), "name": "Second", "engine": "process", "then": ""})
    assert again.status_code == 302 and Project.objects.filter(path=str(stack)).count() == 2


def test_a_viewer_may_not_add(viewer, stack):
    assert viewer.get(NEW).status_code == 403
    assert viewer.post(NEW, {"path": str(stack), "name": "Boutique"}).status_code == 403
    assert not Project.objects.exists()
