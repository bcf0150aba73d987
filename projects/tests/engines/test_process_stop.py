"""A stop leaves nothing, however hard a process tries to stay."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time

import pytest

from projects.engines.base import EngineError
from projects.stacks.spec import Readiness, ServiceSpec
from projects.tests.engines.kit import KINDS, PYTHON
from projects.tests.engines.processes_seen import processes_of, supervisors_of, until

# Leaves the session, loses its parent, ignores SIGTERM, and (with "bare") the marker too.
ESCAPE = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open("escaped.pid", "w") as file:
            file.write(str(os.getpid()))
        if "bare" in sys.argv:
            os.execve("/bin/sleep", ["sleep", "600"], {})
        time.sleep(600)
    os._exit(0)
time.sleep(600)
"""


def service(name: str, command: str, **fields) -> ServiceSpec:
    return ServiceSpec(name, command, ready=Readiness(stay_up=0.2), **fields)


def is_gone(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def escaped(stack) -> int:
    path = stack.path / "escaped.pid"
    return int(until(lambda: path.exists() and path.read_text(), 5, "the escape"))


@pytest.mark.alone
@pytest.mark.parametrize("supervisor", ["alive", "dead"])
def test_a_grandchild_that_ignores_the_signal_in_its_own_session_is_gone(kit, supervisor):
    stack = kit.stack_of(service("daemon", f"{PYTHON} escape.py", stop_grace=0.5))
    kit.write(stack, "escape.py", ESCAPE)
    kit.up(stack)
    pid = escaped(stack)
    assert os.getsid(pid) not in (os.getsid(0), kit.state(stack, "daemon").instances[0].pid)
    if supervisor == "dead":
        kit.kill_supervisor(stack)
    began = time.monotonic()
    kit.down(stack)
    assert time.monotonic() - began < 2
    assert is_gone(pid)
    assert kit.alive(stack) == []


def test_one_that_wiped_its_environment_is_found_by_its_parentage(kit):
    stack = kit.stack_of(service("daemon", f"{PYTHON} escape.py bare", stop_grace=0.5))
    kit.write(stack, "escape.py", ESCAPE)
    kit.up(stack)
    pid = escaped(stack)
    until(lambda: pid not in processes_of(stack), 5, "the marker is wiped")
    kit.down(stack)
    assert is_gone(pid)


def test_a_service_that_ignores_the_signal_is_killed_after_its_grace(kit):
    stack = kit.stack_of(service("stubborn", "trap '' TERM; while true; do sleep 0.1; done", stop_grace=0.5))
    kit.up(stack)
    began = time.monotonic()
    kit.down(stack)
    assert time.monotonic() - began >= 0.5
    assert kit.alive(stack) == []


def test_a_paused_service_is_stopped(kit):
    stack = kit.stack_of(service("still", "exec sleep 600", stop_grace=1))
    kit.up(stack)
    os.kill(kit.state(stack, "still").instances[0].pid, signal.SIGSTOP)
    until(lambda: kit.state(stack, "still").state == "paused", 5, "still is paused")
    kit.down(stack)
    assert kit.alive(stack) == []


def test_the_stop_signal_is_the_one_that_is_asked_for(kit):
    says = "trap 'echo told by INT; exit 0' INT; trap 'echo told by TERM; exit 0' TERM; while true; do sleep 0.05; done"
    stack = kit.stack_of(service("polite", says, stop_signal="SIGINT"))
    kit.up(stack)
    kit.down(stack)
    assert "told by INT" in kit.engine.logs(stack, "polite").lines


def test_a_service_is_stopped_before_those_it_depends_on(kit):
    says = "trap 'echo %s >> ../order-%s; exit 0' TERM; while true; do sleep 0.05; done"
    stack = kit.stack_of(service("db", "true"))
    services = [
        service("db", says % ("db", stack.slug)),
        service("api", says % ("api", stack.slug), depends_on=("db",)),
        service("web", says % ("web", stack.slug), depends_on=("api",)),
    ]
    stack = kit.changed(stack, services=services)
    kit.up(stack)
    kit.down(stack)
    assert (stack.path.parent / f"order-{stack.slug}").read_text().split() == ["web", "api", "db"]


def test_a_stranger_on_a_port_of_the_stack_is_named(kit):
    stack = kit.stack("web")
    kit.up(stack)
    port = stack.host_ports[("web", 1, 8000)]
    kit.kill_supervisor(stack)
    kit.kill_service(stack, "web")
    until(lambda: processes_of(stack) == [], 5, "web is gone")
    with socket.create_server(("127.0.0.1", port)), pytest.raises(EngineError) as raised:
        kit.down(stack)
    assert f"port {port} is held by" in raised.value.message
    assert f"(pid {os.getpid()})" in raised.value.message
    kit.down(stack)


def test_a_stack_that_is_down_stays_down_though_a_stranger_took_its_port(kit):
    stack = kit.stack("web")
    kit.up(stack)
    kit.down(stack)
    port = stack.host_ports[("web", 1, 8000)]
    with socket.create_server(("127.0.0.1", port)):
        last = list(kit.engine.down(stack))[-1]
    assert last.done == last.total
    assert f"port {port} is held by" in last.detail and "not of this stack" in last.detail


def test_a_process_with_another_stacks_marker_is_left_alone(kit):
    stack = kit.stack("worker")
    kit.up(stack)
    other = subprocess.Popen(
        ["sleep", "60"], env={**os.environ, "HUB_STACK": f"{stack.hub_id}/{stack.slug}-2", "HUB_SERVICE": "worker"}
    )
    try:
        kit.down(stack)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("prefix", ["", "setsid "])
def test_leftovers_of_a_dead_service_do_not_keep_its_port(kit, prefix):
    command = f"{prefix}{PYTHON} web.py & exec sleep 600"
    web = KINDS["web"]
    stack = kit.stack_of(ServiceSpec("web", command, ports=web.ports, ready=web.ready))
    kit.up(stack)
    kit.kill_service(stack, "web")
    until(lambda: kit.state(stack, "web").instances[0].restarts == 1, 5, "the death is seen")
    until(lambda: kit.state(stack, "web").state == "running", 10, "web runs again")
    assert len(processes_of(stack, "web")) == 2


@pytest.mark.alone
def test_a_stop_is_quick_where_everything_obeys(kit):
    stack = kit.stack("web", "api", "worker")
    kit.up(stack)
    began = time.monotonic()
    kit.down(stack)
    assert time.monotonic() - began < 2
    assert supervisors_of(stack) == []
