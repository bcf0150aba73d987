"""Somebody works with projects in the shell: `manage.py project ...`."""

import io
import json
import os
import sys
from subprocess import run

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from projects.models import Project
from tasks.actions import active_on
from tasks.runner import run_task

pytestmark = pytest.mark.django_db(transaction=True)


def project(*arguments: str) -> str:
    out = io.StringIO()
    call_command("project", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def folder():
    path = settings.HUB_PROJECTS_ROOT / "commanded"
    path.mkdir(exist_ok=True)
    (path / "Procfile").write_text(f"web: {sys.executable} -m http.server --bind 127.0.0.1 $PORT\n")
    return path


def test_add_list_status_and_copy(folder):
    said = project("add", str(folder), "--env", "TOKEN=secret", "--autostart")
    assert "commanded is project" in said and "web on http://127.0.0.1:" in said and "1 variables" in said
    project("copy", "commanded", "second")
    rows = json.loads(project("list", "--json"))
    assert [row["name"] for row in rows] == ["commanded", "second"]
    assert rows[0]["ports"][0]["port"] != rows[1]["ports"][0]["port"]
    assert Project.objects.get(name="commanded").autostart
    assert "commanded" in project("list") and "stopped" in project("status", "commanded")
    assert "secret" not in project("list", "--json") + project("status", "commanded", "--json")


def test_a_relative_path_counts_from_where_one_stands(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert "commanded is project" in project("add", "commanded")
    assert Project.objects.get().path == str(folder)


def test_start_says_which_task_does_it_and_actors_are_named(folder, redis_server):
    project("add", str(folder))
    task = json.loads(project("start", "commanded", "--json"))
    assert task["state"] == "queued"
    assert json.loads(project("start", "commanded", "--json"))["task_id"] == task["task_id"]
    with pytest.raises(CommandError, match="under way") as busy:
        project("stop", "commanded")
    assert busy.value.returncode == 3
    found = active_on(Project.objects.get().subject)
    assert found.actor.startswith("command:")


def test_logs_need_no_name(folder):
    project("add", str(folder))
    assert project("logs", "commanded") == ""
    (folder / "Procfile").write_text("web: serve $PORT\nworker: work\n")
    project("add", str(folder), "--name", "two")
    assert project("logs", "two") == ""
    with pytest.raises(CommandError, match="web, worker"):
        project("logs", "two", "nobody")


def test_delete_previews_first_and_data_need_the_name(folder):
    project("add", str(folder))
    assert "port" in project("delete", "commanded", "--preview")
    with pytest.raises(CommandError, match="does not match") as refused:
        project("delete", "commanded", "--data", "remove")
    assert refused.value.returncode == 2
    project("delete", "commanded")
    assert run_task(str(active_on(Project.objects.get().subject).pk)) == "succeeded"
    assert not Project.objects.exists() and folder.is_dir()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["status", "nobody"], "no project 'nobody'"),
        (["add", "/nonexistent"], "/nonexistent"),
        (["add", "."], "stack|outside"),
        (["add", "{folder}", "--port", "web"], "SERVICE=PORT"),
        (["add", "{folder}", "--port", "web=99999"], "1 to 65535"),
        (["add", "{folder}", "--env", "1A=x"], "begin with a digit"),
        (["logs", "nobody", "web"], "no project"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_code_2(folder, arguments, words):
    with pytest.raises(CommandError, match=words) as refused:
        project(*[argument.format(folder=folder) for argument in arguments])
    assert refused.value.returncode == 2
    assert "\n" not in str(refused.value)
    assert not Project.objects.exists()


def test_a_start_while_hub_does_not_run_says_so(folder, tmp_path):
    environ = {**os.environ, "HUB_DATA": str(tmp_path), "DATABASE_URL": "", "HUB_PROJECTS_ROOT": str(folder.parent)}
    manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    for command in (["migrate", "-v0"], ["project", "add", str(folder)]):
        assert run([*manage, *command], env=environ, capture_output=True, check=False).returncode == 0
    done = run([*manage, "project", "start", "commanded", "--wait"], env=environ, capture_output=True, text=True,
               check=False)
    assert done.returncode == 4
    assert "Hub does not run" in done.stderr and "Traceback" not in done.stderr and "socket" not in done.stderr
