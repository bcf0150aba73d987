"""Scripts on a whole Hub: the examples that come with it, and those that were written against older ways to say it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import urllib.request

import pytest

from hub.tests.system.running_hub import REPOSITORY, RunningHub

SCRIPTS = REPOSITORY / "examples" / "api"
HELLO, SHOP = REPOSITORY / "examples" / "hello", REPOSITORY / "examples" / "shop"


def run(hub: RunningHub, *arguments: object, key: str | None = None) -> subprocess.CompletedProcess[str]:
    environ = {**hub.environ, "HUB_URL": hub.address, "HUB_KEY": hub.key if key is None else key}
    return subprocess.run([str(one) for one in arguments], env=environ, capture_output=True, text=True, timeout=120,
                          check=False)


def test_the_python_client_registers_starts_waits_and_reads_logs(hub: RunningHub):
    answer = run(hub, sys.executable, SCRIPTS / "start_project.py", "Greeter", "--path", HELLO)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    first, *said = answer.stdout.splitlines()
    assert first == "Starting Greeter ..." and said[-1] == "Greeter runs."
    assert any(line.startswith("web: http://127.0.0.1:") for line in said)
    project = next(one for one in hub.get("/api/projects").body["items"] if one["name"] == "Greeter")
    assert hub.status(project["id"])["status"] == "running"
    assert run(hub, sys.executable, SCRIPTS / "start_project.py", "Greeter").returncode == 0  # it runs already


def test_the_python_client_says_what_went_wrong(hub: RunningHub):
    script = [sys.executable, SCRIPTS / "start_project.py"]
    folder = hub.root / "broken"
    folder.mkdir()
    (folder / "Procfile").write_text("web: echo no reason to live; exit 3\n")
    failed = run(hub, *script, "Broken", "--path", folder)
    assert failed.returncode == 1 and "Broken did not start: " in failed.stderr and "no reason to live" in failed.stdout
    refused = run(hub, *script, "Broken", key="hub_wrong")
    assert refused.returncode == 2 and "Hub refused. 401" in refused.stderr
    assert "--path" in run(hub, *script, "Nobody").stderr
    assert "does not answer" in run(hub, *script, "Nobody", "--url", "http://127.0.0.1:1").stderr
    assert "HUB_KEY" in run(hub, *script, "Nobody", key="").stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="No curl is here: install the package curl.")
def test_the_curl_script_starts_waits_and_reads_logs(hub: RunningHub):
    project = hub.add("Curled", HELLO)
    answer = run(hub, "sh", SCRIPTS / "start_project.sh", project)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.startswith("Task ") and "SUCCESS, " in answer.stdout and "\nrunning\n" in answer.stdout
    missing = run(hub, "sh", SCRIPTS / "start_project.sh", 9999)
    assert missing.returncode != 0 and "not_found" in missing.stdout + missing.stderr


def test_older_scripts_work(hub: RunningHub):
    wanted = {f"{name}_port": hub.port_range[1] - number for number, name in enumerate(
        ("backend", "frontend", "postgres", "redis"))}
    made = hub.post("/api/projects", {"name": "Old Shop", "path": str(SHOP), **wanted})
    assert made.status == 201
    project = made.body["id"]
    assert {f"{name}_port": port for name, port in hub.ports(project).items()} == wanted
    begun = hub.post(f"/api/orchestration/{project}/start")
    assert begun.status == 202 and set(begun.body) == {"task_id", "status", "message"}
    seen = []

    def ended() -> bool:
        now = hub.get(f"/api/tasks/{begun.body['task_id']}/status").body
        assert set(now) == {"task_id", "state", "ready", "status", "progress", "result", "error"}
        seen.append((now["state"], now["progress"]))
        return now["ready"]

    hub.until(ended, 60, "the start has not ended")
    states = [state for state, _ in seen]
    assert states[-1] == "SUCCESS" and set(states) <= {"PENDING", "RUNNING", "SUCCESS"}
    known = [progress for _, progress in seen if progress is not None]
    assert known == sorted(known) and known[-1] == 100
    assert all(progress is None or progress < 100 for state, progress in seen if state != "SUCCESS")
    older = hub.get(f"/api/tasks/status/{begun.body['task_id']}")
    assert (older.status, older.body["state"]) == (200, "SUCCESS")
    with urllib.request.urlopen(f"http://127.0.0.1:{wanted['frontend_port']}/health", timeout=5) as answer:
        assert answer.status == 200
    with urllib.request.urlopen(f"{hub.address}/health", timeout=5) as answer:  # without a key
        assert answer.status == 200
