"""What a start waits for, and what it says when it cannot succeed."""

from __future__ import annotations

import os
import socket
import time

import pytest

from projects.engines.base import EngineError
from projects.stacks.spec import Port, Readiness, ServiceSpec
from projects.tests.engines.kit import KINDS, PYTHON
from projects.tests.engines.processes_seen import processes_of, until

BRIEF = Readiness(stay_up=0.1)


def test_a_command_that_does_not_exist_is_told_before_the_start(kit):
    stack = kit.stack_of(ServiceSpec("web", "no-such-program --port 1", line=3))
    (problem,) = kit.engine.problems(stack)
    assert problem.service == "web"
    assert "no-such-program was not found (Procfile, line 3)" in problem.message
    with pytest.raises(EngineError) as raised:
        kit.up(stack)
    assert (raised.value.line, raised.value.file) == (3, stack.definition.source)
    assert kit.alive(stack) == []


@pytest.mark.parametrize("command", [
    "cd . && sleep 600", "COLOUR=blue sleep 600", "exec sleep 600", "sleep $TIME", "./own-script", "'sleep' 600",
])
def test_commands_that_only_a_shell_understands_are_no_problem(kit, command):
    stack = kit.stack_of(ServiceSpec("web", command, ready=BRIEF), env={"TIME": "600"})
    kit.write(stack, "own-script", "#!/bin/sh\nexec sleep 600\n")
    os.chmod(stack.path / "own-script", 0o755)
    assert kit.engine.problems(stack) == []
    kit.up(stack)
    assert kit.state(stack, "web").state == "running"


@pytest.mark.alone
def test_a_command_that_the_shell_does_not_find_fails_at_once(kit):
    stack = kit.stack_of(ServiceSpec("web", "true; exec no-such-program", ready=BRIEF))
    began = time.monotonic()
    with pytest.raises(EngineError, match=r"web exited with code 127 .* its command was not found"):
        kit.up(stack)
    assert time.monotonic() - began < 2
    assert "no-such-program" in kit.state(stack, "web").last_lines[-1]
    assert kit.state(stack, "web").instances[0].restarts == 0


def test_a_folder_that_is_not_there(kit):
    stack = kit.stack_of(KINDS["worker"], path=kit.folder / "nowhere")
    (problem,) = kit.engine.problems(stack)
    assert problem.code == "folder"
    assert "nowhere does not exist" in problem.message


@pytest.mark.parametrize(("depends_on", "says"), [(("web",), "circle: web → web"), (("ghost",), "depends on ghost")])
def test_dependencies_that_cannot_be_met(kit, depends_on, says):
    stack = kit.stack_of(ServiceSpec("web", "sleep 600", depends_on=depends_on))
    assert [says in problem.message for problem in kit.engine.problems(stack)] == [True]
    with pytest.raises(EngineError, match="web"):
        kit.up(stack)


def test_services_start_when_those_they_depend_on_are_ready(kit):
    say = "echo %s >> order; "
    stack = kit.stack_of(
        ServiceSpec("web", say % "web" + "exec sleep 600", depends_on=("migrate", "db"), ready=BRIEF),
        ServiceSpec("migrate", "sleep 0.3; " + say % "migrate", kind="one-shot", depends_on=("db",)),
        ServiceSpec("db", f"sleep 0.3; {say % 'db'} exec {PYTHON} web.py", ports=(Port(1),), ready=Readiness("tcp")),
    )
    steps = kit.up(stack)
    assert [step.key for step in steps[:4]] == ["check", "ready:db", "ready:migrate", "ready:web"]
    assert (stack.path / "order").read_text().split() == ["db", "migrate", "web"]


def test_what_depends_on_a_failed_service_is_never_started(kit):
    stack = kit.stack_of(
        ServiceSpec("migrate", "exit 1", kind="one-shot"),
        ServiceSpec("web", "echo x > started; sleep 600", depends_on=("migrate",), ready=BRIEF),
    )
    with pytest.raises(EngineError, match="migrate exited with code 1"):
        kit.up(stack)
    assert kit.state(stack, "web").reason == "waits for migrate"
    assert not (stack.path / "started").exists()


def test_a_server_that_answers_with_500_is_not_ready(kit):
    stack = kit.stack_of(ServiceSpec("web", f"{PYTHON} sick.py", ports=(Port(1),), ready=Readiness("http", timeout=1)))
    kit.write(stack, "sick.py", """
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(500 if not os.path.exists("well") else 404)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
""")
    with pytest.raises(EngineError, match="web did not answer on port"):
        kit.up(stack)
    assert kit.state(stack, "web").health == "unhealthy"
    kit.write(stack, "well", "")
    until(lambda: kit.state(stack, "web").state == "running", 10, "web is well")
    assert kit.state(stack, "web").health == "healthy"


def test_a_server_on_a_port_of_its_own_choice_is_told_where_it_listens(kit):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        own = probe.getsockname()[1]
    stack = kit.stack_of(
        ServiceSpec("web", f"{PYTHON} -m http.server {own}", ports=(Port(1),), ready=Readiness("tcp", timeout=1.5))
    )
    with pytest.raises(EngineError, match=rf"it listens on {own}: does its command use \$PORT\?"):
        kit.up(stack)


def test_a_server_on_the_ipv6_loopback_only_is_ready(kit):
    stack = kit.stack_of(ServiceSpec("web", f"{PYTHON} six.py", ports=(Port(1),), ready=Readiness("tcp", timeout=10)))
    kit.write(stack, "six.py", """
import os, socket, time
server = socket.create_server(("::1", int(os.environ["PORT"])), family=socket.AF_INET6)
time.sleep(600)
""")
    kit.up(stack)
    assert kit.state(stack, "web").health == "healthy"


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "::", "::1"])
def test_a_foreign_listener_on_any_address_is_named(kit, address):
    stack = kit.stack("web")
    port = stack.host_ports[("web", 1, 8000)]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family):
        (problem,) = kit.engine.problems(stack)
    assert problem.port == port
    assert f"(pid {os.getpid()})" in problem.holder
    assert problem.holder in problem.message


@pytest.mark.alone
def test_the_first_start_costs_little_over_the_services_own_time(kit):
    stack = kit.stack_of(*(
        ServiceSpec(f"job{number}", "true", kind="one-shot", depends_on=(f"job{number - 1}",) if number else ())
        for number in range(4)
    ))
    began = time.monotonic()
    kit.up(stack)
    assert time.monotonic() - began <= 0.5


def test_instances_have_their_own_ports_names_and_logs(kit):
    command = f"echo $PS on $PORT; exec {PYTHON} web.py"
    stack = kit.stack_of(ServiceSpec("web", command, ports=(Port(8000),), instances=3, ready=Readiness("tcp")))
    steps = kit.up(stack)
    ports = [stack.host_ports[("web", number, 8000)] for number in (1, 2, 3)]
    assert steps[1].label == "web answers on " + ", ".join(f":{port}" for port in ports)
    assert steps[1].total == 3
    assert [one.name for one in kit.state(stack, "web").instances] == ["web.1", "web.2", "web.3"]
    assert kit.engine.logs(stack, "web.2", tail=2).lines[0] == f"web.2 on {ports[1]}"
    assert f"web.3 | web.3 on {ports[2]}" in kit.engine.logs(stack, "web").lines
    assert [one.processes for one in kit.engine.usage(stack)] == [3]
    os.kill(kit.state(stack, "web").instances[1].pid, 9)
    until(lambda: kit.state(stack, "web").instances[1].restarts == 1, 5, "the death of web.2")
    assert [one.restarts for one in kit.state(stack, "web").instances] == [0, 1, 0]
    kit.down(stack)
    assert processes_of(stack) == []
