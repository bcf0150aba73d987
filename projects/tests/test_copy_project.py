"""A second project beside the first: its data, its work tree, and what a delete does to copies of copies."""

import subprocess
from pathlib import Path

import pytest

from projects import actions
from projects.binding import home_of
from projects.engines.umask import usual
from projects.errors import ProjectError
from projects.models import Project
from projects.tests.stack_tasks import SERVE, done, down, folder_of, started
from tasks.actions import active_on
from tasks.states import TaskState

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_server")]


@pytest.fixture
def original():
    return actions.create_project(name="original", path=str(folder_of("original", f"web: {SERVE}\n")))


@pytest.fixture
def repository():
    folder = folder_of("repository", f"web: {SERVE}\n")
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *command], check=True)
    yield actions.create_project(name="repository", path=str(folder))
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def test_data_are_copied_by_a_task_with_counted_files(original):
    data = home_of(original.slug) / "data"
    (data / "deep").mkdir(parents=True)
    for number in range(5):
        (data / "deep" / f"{number}.txt").write_text(str(number))
    (data / "link").symlink_to("deep/0.txt")
    copy = actions.copy_project(original, name="with data", with_data=True)
    task = done(active_on(copy.subject))
    assert (task.state, task.result) == (TaskState.SUCCEEDED, {"files": 6})
    taken = home_of(copy.slug) / "data"
    assert sorted(path.name for path in (taken / "deep").iterdir()) == [f"{number}.txt" for number in range(5)]
    assert (taken / "link").is_symlink() and (taken / "link").read_text() == "0"
    (taken / "deep" / "0.txt").write_text("changed")
    assert (data / "deep" / "0.txt").read_text() == "0"


def test_data_of_a_running_project_are_not_copied(original):
    started(original)
    try:
        with pytest.raises(ProjectError, match="only be copied while it is stopped"):
            actions.copy_project(original, name="too early", with_data=True)
        assert Project.objects.count() == 1
    finally:
        down(original)


def test_a_branch_is_copied_into_a_work_tree_that_goes_with_the_copy(repository):
    copy = actions.copy_project(repository, name="branch copy", branch="main")
    # People's files stay as open as usual; only Hub's own are private.
    assert (Path(copy.path) / "Procfile").stat().st_mode & 0o777 == 0o666 & ~usual()
    assert copy.path != repository.path and (home_of(copy.slug) / "tree" / "Procfile").is_file()
    task = done(actions.delete(copy, data="remove", confirm="branch copy"))
    assert task.state == TaskState.SUCCEEDED, task.error
    assert not home_of(copy.slug).exists()
    listed = subprocess.run(["git", "-C", repository.path, "worktree", "list"], capture_output=True, text=True)
    assert listed.stdout.count("\n") == 1, "git forgets it as well"


def test_a_kept_work_tree_still_works_where_it_was_put(repository):
    copy = actions.copy_project(repository, name="kept", branch="main")
    kept = done(actions.delete(copy)).result["data_kept_in"]
    answer = subprocess.run(["git", "-C", f"{kept}/tree", "status", "--short"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr


def test_a_project_whose_work_tree_another_runs_from_cannot_be_deleted(repository):
    tree = actions.copy_project(repository, name="tree", branch="main")
    second = actions.copy_project(tree, name="second of tree")
    with pytest.raises(ProjectError, match="second of tree runs from the work tree of tree") as refused:
        actions.delete(tree, data="remove", confirm="tree")
    assert refused.value.code == "conflict"
    assert done(actions.delete(second)).state == TaskState.SUCCEEDED
    assert done(actions.delete(tree, data="remove", confirm="tree")).state == TaskState.SUCCEEDED


@pytest.mark.parametrize("branch", ["nowhere", "--help", "-f"])
def test_a_branch_that_is_not_there_is_refused(repository, branch):
    with pytest.raises(ProjectError, match="no branch"):
        actions.copy_project(repository, name="bad", branch=branch)
    assert Project.objects.count() == 1
