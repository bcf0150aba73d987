"""What a service finds in its environment, and what it must not find."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from projects.engines.umask import keep_private, usual
from projects.stacks.spec import Port, Readiness, ServiceSpec
from projects.tests.engines.kit import PYTHON
from projects.tests.engines.processes_seen import mains_of, variables_of
from projects.tests.port_slice import free_port

BRIEF = Readiness(stay_up=0.05)


def variables(kit, stack, service: str) -> dict[str, str]:
    kit.up(stack)
    return variables_of(mains_of(stack, service)[0])


def test_nothing_of_hub_reaches_a_service(kit, monkeypatch):
    own = os.path.join(sys.prefix, "bin")
    for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "HUB_DATA", "PYTHONPATH"):
        monkeypatch.setenv(name, "of-hub")
    monkeypatch.setenv("VIRTUAL_ENV", "/of-hub/venv")
    monkeypatch.setenv("PATH", f"/of-hub/venv/bin:{own}:/usr/bin:/bin")
    monkeypatch.setenv("LC_TIME", "C.UTF-8")
    found = variables(kit, kit.stack_of(ServiceSpec("web", "sleep 600", ready=BRIEF)), "web")
    assert "of-hub" not in " ".join(found.values())
    if sys.prefix != sys.base_prefix:
        assert own not in found["PATH"].split(":")
    assert found["PATH"] == "/usr/bin:/bin"
    assert found["LC_TIME"] == "C.UTF-8"
    assert set(found) == {
        "HOME", "USER", "LOGNAME", "SHELL", "PATH", "LC_TIME", "PYTHONUNBUFFERED", "PS", "HUB_STACK", "HUB_SERVICE",
        "HUB_LAUNCH", "PWD",
    } | ({"LANG", "TZ", "TMPDIR"} & set(os.environ))


def test_files_of_a_service_are_as_open_as_usual_although_those_of_hub_are_private(kit):
    script = "import os, sys; sys.path[:0] = sys.argv[1:]; from projects.engines.umask import *; os.umask(0o027); " \
             "keep_private(); keep_private(); print(oct(usual()), oct(os.umask(0)))"
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", script, root], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0o27", "0o77"]
    keep_private()
    stack = kit.stack_of(ServiceSpec("web", "touch made; sleep 600", ready=BRIEF))
    kit.up(stack)
    assert (stack.path / "made").stat().st_mode & 0o777 == 0o666 & ~usual()


def test_ports_are_found_by_name_and_replace_those_of_the_definition(kit):
    web = ServiceSpec("web-app", "sleep 600", ports=(Port(8000), Port(8001)), instances=2, ready=BRIEF)
    redis = ServiceSpec("redis", f"{PYTHON} web.py", ports=(Port(6379),), ready=Readiness("tcp"))
    worker = ServiceSpec("worker", "sleep 600", ready=BRIEF)
    env = {"PORT": "5000", "REDIS_PORT": "6379",
           "COLOUR": "blue", "PYTHONUNBUFFERED": "", "GREETING": "two words = 'quoted' $HOME"}
    stack = kit.stack_of(redis, worker, env=env)
    ports = stack.host_ports | {
        ("web-app", number, port): free_port() for number in (1, 2) for port in (8000, 8001)
    }
    stack = kit.changed(stack, services=[redis, worker, ServiceSpec("web-app", "sleep 600", ports=web.ports,
                        instances=2, ready=Readiness("up", stay_up=0.05))], host_ports=ports)
    list(kit.engine.up(kit.changed(stack, services=[redis, worker])))
    found = variables_of(mains_of(stack, "worker")[0])
    leased = str(ports["redis", 1, 6379])
    assert found["REDIS_PORT"] == found["HUB_PORT_REDIS"] == found["HUB_PORT_REDIS_6379"] == leased
    assert "PORT" not in found
    assert found["COLOUR"] == "blue"
    assert found["PYTHONUNBUFFERED"] == ""
    assert found["GREETING"] == "two words = 'quoted' $HOME"
    assert found["PS"] == found["HUB_SERVICE"] == "worker"
    assert found["HUB_STACK"] == f"{stack.hub_id}/{stack.slug}"


def test_each_instance_has_its_own_port(kit):
    command = f"exec {PYTHON} web.py"
    web = ServiceSpec("web-app", command, ports=(Port(8000), Port(8001)), instances=2, ready=Readiness("tcp"))
    stack = kit.stack_of(web)
    kit.up(stack)
    one, two = (variables_of(mains_of(stack, name)[0]) for name in ("web-app.1", "web-app.2"))
    first, second = str(stack.host_ports["web-app", 1, 8000]), str(stack.host_ports["web-app", 2, 8000])
    assert (one["PORT"], two["PORT"]) == (first, second)
    for found in (one, two):
        assert found["WEB_APP_PORT"] == found["PORT"], "a command that names its port by its service gets its own"
        assert found["HUB_PORT_WEB_APP"] == found["HUB_PORT_WEB_APP_8000"] == first
        assert found["HUB_PORT_WEB_APP__2"] == found["HUB_PORT_WEB_APP__2_8000"] == second
        assert found["HUB_PORT_WEB_APP_8001"] == str(stack.host_ports["web-app", 1, 8001])


def test_a_service_begins_in_its_folder_with_nothing_to_read_and_default_signals(kit):
    stack = kit.stack_of(ServiceSpec("web", f"pwd; cat; echo end; exec {PYTHON} signals.py", ready=BRIEF))
    kit.write(stack, "signals.py", """
import signal, time
print([signal.getsignal(n).name for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)], flush=True)
time.sleep(600)
""")
    before = signal.signal(signal.SIGQUIT, signal.SIG_IGN)  # as a shell leaves it to what runs in the background
    try:
        kit.up(stack)
    finally:
        signal.signal(signal.SIGQUIT, before)
    (main,) = mains_of(stack, "web")
    with open(f"/proc/{main}/status") as file:
        masks = {line.split(":")[0]: int(line.split()[1], 16) for line in file if line.startswith(("SigBlk", "SigIgn"))}
    # Python ignores SIGPIPE and SIGXFSZ by itself; nothing else is ignored or blocked.
    own = 1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1
    assert masks["SigBlk"] == 0
    assert masks["SigIgn"] & ~own == 0
    assert kit.engine.logs(stack, "web").lines[:2] == (str(stack.path), "end")


def test_the_variables_are_not_kept_on_disk_when_the_stack_is_down(kit):
    stack = kit.stack_of(ServiceSpec("web", "sleep 600", ready=BRIEF), env={"PASSWORD": "tell-nobody"})
    kit.up(stack)
    assert (stack.run_dir.stat().st_mode & 0o777) == 0o700
    assert ((stack.run_dir / "wish.json").stat().st_mode & 0o777) == 0o600
    kit.down(stack)
    assert "tell-nobody" not in "".join(
        path.read_text() for path in stack.run_dir.rglob("*") if path.is_file()
    )
