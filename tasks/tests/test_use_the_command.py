"""`manage.py task`, as somebody types it."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from datetime import timedelta

import pytest
from django.core.management import execute_from_command_line
from django.utils import timezone

from conftest import REPOSITORY, process_environment
from tasks.actions import cancel, enqueue
from tasks.jobs import Fail, Sleep
from tasks.models import LogLine, Task


@pytest.fixture
def command(capsys):
    """`command("list", "--json")` → (exit code, standard output, standard error)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            execute_from_command_line(["manage.py", "task", *arguments])
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def task(transactional_db, redis_server) -> Task:
    redis_server.client().flushall()
    return enqueue(Sleep, {"seconds": 60}, subject="trial:1")


def test_list_filters_and_speaks_json(command, task):
    other = cancel(enqueue(Sleep, {"seconds": 5}, lane="reports"))
    code, out, _ = command("list")
    assert code == 0 and [line.split()[0] for line in out.splitlines()] == [str(other.pk), str(task.pk)]
    for option, value, found in (("state", "queued", task), ("lane", "reports", other), ("subject", "trial:1", task)):
        _, out, _ = command("list", f"--{option}", value, "--json")
        assert [item["id"] for item in json.loads(out)] == [str(found.pk)]
    assert json.loads(command("list", "--job", "demo.none", "--json")[1]) == []


def test_show_tells_all(command, task):
    LogLine.objects.create(task=task, text="Grüße", correlation_id=task.correlation_id)
    code, out, _ = command("show", str(task.pk))
    assert code == 0 and "Sleep for 60 s" in out and "queued" in out and "Grüße" in out
    shown = json.loads(command("show", str(task.pk), "--json")[1])
    assert (shown["id"], shown["state"], shown["params"]) == (str(task.pk), "queued", {"seconds": 60})
    assert [line["text"] for line in shown["log_tail"]] == ["Grüße"]


def test_cancel_and_retry(command, task):
    code, out, _ = command("cancel", str(task.pk))
    assert code == 0 and "is cancelled" in out
    task.refresh_from_db()
    assert task.state == "cancelled" and task.reason.startswith("Cancelled by command:")
    code, out, error = command("cancel", str(task.pk))
    assert (code, out, error.count("\n")) == (2, "", 1) and "already ended" in error
    code, out, _ = command("retry", str(task.pk), "--json")
    assert code == 0 and json.loads(out)["retry_of"] == str(task.pk)
    assert command("retry", json.loads(out)["id"])[0] == 2


@pytest.mark.parametrize("arguments", [
    ["show", "1"], ["show", str(uuid.uuid4())], ["cancel", "../x"], ["retry", ""], ["list", "--limit", "0"],
    ["prune", "--older-than", "soon"], ["prune", "--older-than", "0d"],
])  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_2(command, arguments, db):
    code, out, error = command(*arguments)
    assert code == 2 and out == "" and error.count("\n") == 1


def test_prune_removes_old_tasks_that_have_ended_with_their_logs(command, task):
    old, new = cancel(task), cancel(enqueue(Sleep, {"seconds": 1}))
    LogLine.objects.create(task=old, text="x")
    Task.objects.filter(pk=old.pk).update(finished_at=timezone.now() - timedelta(days=31))
    active = enqueue(Sleep, {"seconds": 1})
    assert json.loads(command("prune", "--older-than", "30d", "--json")[1]) == {"removed": 1}
    assert set(Task.objects.all()) == {new, active} and not LogLine.objects.exists()


def test_waiting_ends_with_the_task_and_the_exit_code_says_how(workers):
    workers()

    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "manage.py", "task", *arguments], cwd=REPOSITORY, env=process_environment(),
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip

    good = run("show", str(enqueue(Sleep, {"seconds": 0.5}).pk), "--wait", "--json")
    assert good.returncode == 0 and json.loads(good.stdout)["state"] == "succeeded" and good.stderr == ""
    bad = run("show", str(enqueue(Fail, {"message": "It was to fail."}).pk), "--wait")
    assert bad.returncode == 1 and "It was to fail." in bad.stderr and bad.stderr.count("\n") == 1
    stopped = run("cancel", str(enqueue(Sleep, {"seconds": 60}).pk), "--wait")
    assert stopped.returncode == 0 and "cancelled" in stopped.stdout
