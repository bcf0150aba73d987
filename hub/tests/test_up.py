"""A user starts Hub, things die, and the user stops it."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing

import psutil
import pytest

from hub.env import read_env
from hub.tests.conftest import ROOT, StartHub
from hub.tests.up_process import UpProcess
from projects.tests.port_slice import free_port

LINK = re.compile(r"http://127\.0\.0\.1:(\d+)(/sign-in/\S+)")


@pytest.fixture(scope="module")
def hub(start_hub: StartHub) -> UpProcess:
    """One Hub for the tests that leave it running."""
    return start_hub()


def run_up(environment: dict[str, str], *arguments: str, port: int) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "up", *arguments], env={**environment, "HUB_PORT": str(port)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def only_line(done: subprocess.CompletedProcess) -> str:
    lines = (done.stdout + done.stderr).splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_it_gets_ready_and_healthy(hub: UpProcess, eventually):
    assert hub.get("/health/ready") == (200, {"ready": True, "reasons": [], "warnings": []})
    eventually(hub.is_healthy)
    assert set(hub.children()) == {"web", "worker-1", "worker-2", "watch", "redis"}


def test_the_first_start_prints_a_link_that_signs_in(hub: UpProcess, eventually):
    match = eventually(lambda: LINK.search(hub.output), 30)
    assert int(match[1]) == hub.port
    assert hub.get(match[2])[0] in (200, 302)
    assert hub.get("/sign-in/not-a-link/")[0] not in (200, 302)


def test_the_examples_are_offered_as_projects(hub: UpProcess, eventually):
    eventually(lambda: "Hub is ready" in hub.output, 30)
    assert "was not registered" not in hub.output, "a folder of examples that is no stack is none to be offered"
    with closing(sqlite3.connect(hub.data / "hub.sqlite3")) as database:
        offered = dict(database.execute("SELECT path, state FROM projects_project"))
    folders = [folder for folder in (ROOT / "examples").iterdir() if (folder / "Procfile").exists()]
    assert len(folders) >= 3 and offered == {str(folder): "stopped" for folder in folders}


def test_no_token_of_a_link_is_kept_in_a_log(hub: UpProcess, eventually):
    for path in ("/sign-in/first-token/", "/sign-in/second-token", "/nothing/sign-in%2Fthird-token"):
        hub.get(path)
    logs = hub.data / "logs"
    text = eventually(lambda: (seen := (logs / "web.log").read_text()).count("/sign-in/…") and seen)
    assert "Not Found" in text
    token = LINK.search(hub.output)[2].strip("/").rpartition("/")[2]
    for word in ("-token", token):
        assert not any(word in path.read_text(errors="replace") for path in logs.iterdir())


def test_the_data_folder_is_private(hub: UpProcess):
    assert hub.data.stat().st_mode & 0o077 == 0
    # The static files are public; everything else, also what SQLite and Redis make, is not.
    inside = [path for path in hub.data.rglob("*") if "static" not in path.parts and not path.is_symlink()]
    assert {"hub.sqlite3", "redis.sock", "secret_key", "web.log"} <= {path.name for path in inside}
    assert [path for path in inside if path.stat().st_mode & 0o077] == []


@pytest.mark.parametrize(("names", "before", "after"), [
    ([], 0o755, 0o700), (["secret_key"], 0o755, 0o700), (["of-somebody"], 0o755, 0o755), ([], 0o1777, 0o1777),
])
def test_a_data_folder_that_exists_is_closed_to_others_where_it_is_hubs(tmp_path, names, before, after):
    for name in names:
        (tmp_path / name).write_text("x" * 50)
    tmp_path.chmod(before)
    read_env({"HUB_DATA": str(tmp_path)})
    assert tmp_path.stat().st_mode & 0o7777 == after


def test_a_second_hub_on_the_same_data_is_refused(hub: UpProcess, up_environment: dict[str, str]):
    done = run_up(up_environment, port=free_port())
    line = only_line(done)
    assert done.returncode == 1
    assert f"http://127.0.0.1:{hub.port}" in line and str(hub.process.pid) in line and str(hub.data) in line


def test_a_taken_port_is_named_with_its_holder(up_environment: dict[str, str], tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = run_up({**up_environment, "HUB_DATA": str(tmp_path)}, port=port)
    line = only_line(done)
    assert done.returncode == 1
    assert str(port) in line and f"(pid {os.getpid()})" in line and "HUB_PORT=" in line


def test_a_wrong_variable_is_named(up_environment: dict[str, str]):
    done = run_up({**up_environment, "HUB_WORKERS": "many"}, port=free_port())
    assert done.returncode == 1
    assert "HUB_WORKERS" in only_line(done)


def test_a_database_that_does_not_answer_is_told_in_one_line(up_environment: dict[str, str], tmp_path):
    port = free_port()
    environment = {**up_environment, "HUB_DATA": str(tmp_path), "DATABASE_URL": f"postgres://hub:geheim@127.0.0.1:{port}/hub"}
    done = run_up(environment, port=free_port())
    line = only_line(done)
    assert done.returncode == 1
    assert "database" in line and "geheim" not in line


def test_a_full_disk_is_told_in_one_line(up_environment: dict[str, str], tmp_path):
    if os.getuid() != 0:
        pytest.skip("Only root can mount the small disk that this test fills.")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "hub-test", tmp_path], check=True)
    try:
        done = run_up({**up_environment, "HUB_DATA": str(tmp_path)}, port=free_port())
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    line = only_line(done)
    assert done.returncode == 1
    assert "full" in line and str(tmp_path) in line


@pytest.mark.parametrize("name", ["redis", "worker-1", "watch", "web"])
def test_a_killed_child_is_replaced(hub: UpProcess, name: str, eventually):
    eventually(hub.is_healthy, 30)
    pid = hub.children()[name]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: hub.children().get(name) not in (None, pid), 10)
    eventually(hub.is_healthy, 30)
    hub.look()
    assert f"{name} ended (signal 9, SIGKILL)" in hub.output
    assert not psutil.pid_exists(pid)


def test_a_killed_web_worker_is_replaced(hub: UpProcess, eventually):
    web = psutil.Process(hub.children()["web"])
    (worker,) = web.children()
    worker.kill()
    eventually(lambda: [child for child in web.children() if child.pid != worker.pid], 10)
    assert hub.get("/health/ready")[0] == 200
    hub.look()


def test_a_visitor_is_not_refused_while_the_web_process_is_replaced(hub: UpProcess, eventually):
    eventually(hub.is_healthy, 30)
    web = psutil.Process(hub.children()["web"])
    dying = [web, *web.children()]
    web.kill()
    # What a dying process has accepted is lost; whoever comes after its death waits for the next one.
    psutil.wait_procs(dying, timeout=5)
    assert not [process for process in dying if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    assert hub.get("/health/ready", timeout=20)[0] == 200


def test_what_the_children_say_is_kept_in_files(hub: UpProcess):
    for name in ("up", "redis", "worker-1", "worker-2"):
        path = hub.data / "logs" / f"{name}.log"
        assert path.stat().st_size > 0, name
        assert path.stat().st_size <= 1024 * 1024 + 16 * 1024


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_leaves_no_process(hub: UpProcess, start_hub: StartHub, number: signal.Signals, eventually):
    if hub.process.poll() is None:  # the one that the tests above used stops first: one Hub for each data folder
        running = hub
    else:
        running = start_hub()
    eventually(running.is_healthy, 30)
    running.look()
    running.process.send_signal(number)
    assert running.wait(20) == 0
    assert running.left() == []
    assert "Hub has stopped. No stack is running." in running.output
    with socket.create_server(("127.0.0.1", running.port)):
        pass


def test_killed_it_takes_its_children_along_and_starts_again(hub: UpProcess, start_hub: StartHub, eventually):
    assert hub.process.poll() is not None
    first = start_hub()
    eventually(first.is_healthy, 30)
    first.look()
    first.process.kill()
    first.wait(5)
    eventually(lambda: not first.left(), 5, f"left: {first.left()}")
    second = start_hub(port=first.port)
    eventually(second.is_healthy, 30)
    second.process.terminate()
    assert second.wait(20) == 0


def test_stopped_while_it_starts_it_leaves_no_process(hub: UpProcess, start_hub: StartHub, eventually):
    assert hub.process.poll() is not None
    starting = start_hub(ready=False)
    eventually(lambda: starting.owner() == starting.process.pid and starting.children(), 20)
    starting.look()
    starting.process.terminate()
    assert starting.wait(20) == 0
    assert starting.left() == []


def test_with_a_user_no_link_is_printed(hub: UpProcess, start_hub: StartHub, up_environment: dict[str, str]):
    assert hub.process.poll() is not None
    code = "from django.contrib.auth.models import User; User.objects.create_user('anna')"
    subprocess.run([sys.executable, str(ROOT / "manage.py"), "shell", "-c", code], env=up_environment, check=True)
    again = start_hub()
    assert "/sign-in/" not in again.output
    again.process.terminate()
    assert again.wait(20) == 0


def test_under_nohup_it_outlives_the_terminal(hub: UpProcess, start_hub: StartHub):
    assert hub.process.poll() is not None
    running = start_hub(before=("nohup",))
    running.process.send_signal(signal.SIGHUP)
    assert running.get("/health/ready")[0] == 200
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(1)
    running.process.terminate()
    assert running.wait(20) == 0


def test_without_a_stack_there_is_nothing_to_stop(hub: UpProcess, up_environment: dict[str, str]):
    assert hub.process.poll() is not None
    done = run_up(up_environment, "--stop-stacks", port=free_port())
    assert (done.returncode, done.stdout) == (0, "No stack is running.\n")
