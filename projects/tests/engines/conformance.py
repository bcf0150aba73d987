"""What every engine must do. An engine's tests inherit `EngineConformance` and give a fixture `kit`.

The suite speaks of services by their kinds: `web` answers HTTP GET with a text that holds the project's folder,
`api` accepts connections, `job` is a one-shot that writes "job done", `worker` writes "beat 1", "beat 2", ..,
`broken` writes "cannot go on" and exits with 3, `mute` writes "thinking" and never answers on its port (timeout 1 s).
"""

from __future__ import annotations

import socket
import urllib.request
from typing import Protocol

import pytest

from projects.engines.base import Engine, EngineError, ServiceStatus, Step
from projects.stacks.spec import Stack
from projects.tests.engines.processes_seen import can_bind, until

SEEN_WITHIN = 5.0


class Kit(Protocol):
    """What an engine's tests have to offer."""

    engine: Engine

    def stack(self, *kinds: str) -> Stack:
        """A new stack of services of these kinds, in a folder of its own, with leased ports."""

    def up(self, stack: Stack) -> list[Step]: ...
    def down(self, stack: Stack) -> list[Step]: ...
    def state(self, stack: Stack, service: str) -> ServiceStatus: ...
    def kill_service(self, stack: Stack, service: str) -> None:
        """Kill the main process of the service from outside, by SIGKILL."""

    def alive(self, stack: Stack) -> list[int]:
        """Everything of the stack that lives, seen without the engine."""


def get(stack: Stack, service: str) -> str:
    port = next(leased for (name, _, _), leased in stack.host_ports.items() if name == service)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
        return answer.read().decode()


def identities(status: ServiceStatus) -> list[tuple[int | None, str]]:
    return [(one.pid, one.container_id) for one in status.instances]


class EngineConformance:
    def test_a_start_counts_its_steps_and_ends_with_everything_ready(self, kit):
        stack = kit.stack("job", "web", "worker")
        steps = kit.up(stack)
        planned = steps[: len({step.key for step in steps})]
        assert all(step.done == 0 for step in planned)
        assert len({step.key for step in planned}) == len(planned)
        last = {step.key: step for step in steps}
        assert all(step.done == step.total for step in last.values())
        for key in last:
            counts = [step.done for step in steps if step.key == key]
            assert counts == sorted(counts)
        assert kit.state(stack, "web").state == "running"
        assert kit.state(stack, "web").health == "healthy"
        assert kit.state(stack, "worker").state == "running"
        assert kit.state(stack, "job").state == "completed"
        assert str(stack.path) in get(stack, "web")

    def test_a_second_start_leaves_what_runs_alone(self, kit):
        stack = kit.stack("job", "web")
        kit.up(stack)
        before = identities(kit.state(stack, "web"))
        kit.up(stack)
        assert identities(kit.state(stack, "web")) == before

    def test_a_stop_leaves_nothing_and_frees_the_ports(self, kit):
        stack = kit.stack("web", "worker")
        kit.up(stack)
        steps = kit.down(stack)
        last = {step.key: step for step in steps}
        assert all(step.done == step.total for step in last.values())
        assert kit.alive(stack) == []
        assert all(can_bind(port) for port in stack.host_ports.values())
        assert {one.state for one in kit.engine.status(stack).services} == {"stopped"}
        kit.down(stack)

    def test_a_stack_that_never_ran_is_stopped_and_can_be_stopped(self, kit):
        stack = kit.stack("web", "worker")
        status = kit.engine.status(stack)
        assert {one.state for one in status.services} == {"stopped"}
        assert not status.supervised
        kit.down(stack)
        assert kit.engine.runs(stack) == []
        assert kit.engine.logs(stack, "web").lines == ()

    def test_a_stopped_stack_starts_again(self, kit):
        stack = kit.stack("job", "web")
        kit.up(stack)
        kit.down(stack)
        kit.up(stack)
        assert kit.state(stack, "web").state == "running"
        assert kit.state(stack, "job").state == "completed"

    def test_two_copies_run_side_by_side(self, kit):
        one, other = kit.stack("web"), kit.stack("web")
        kit.up(one)
        kit.up(other)
        assert str(one.path) in get(one, "web")
        assert str(other.path) in get(other, "web")
        kit.down(one)
        assert str(other.path) in get(other, "web")

    def test_three_copies_of_four_services_are_well_together(self, kit):
        stacks = [kit.stack("job", "web", "api", "worker") for _ in range(3)]
        for stack in stacks:
            kit.up(stack)
        for stack in stacks:
            seen = {one.name: one for one in kit.engine.status(stack).services}
            assert {name: one.state for name, one in seen.items()} == {
                "job": "completed", "web": "running", "api": "running", "worker": "running"}
            assert seen["web"].health == "healthy" and str(stack.path) in get(stack, "web")
        ports = [port for stack in stacks for port in stack.host_ports.values()]
        assert len(set(ports)) == len(ports) == 6

    def test_one_service_is_restarted_and_the_others_are_left_alone(self, kit):
        stack = kit.stack("web", "worker")
        kit.up(stack)
        web, worker = kit.state(stack, "web"), identities(kit.state(stack, "worker"))
        list(kit.engine.restart(stack, "web"))
        assert kit.state(stack, "web").state == "running"
        assert get(stack, "web")
        assert identities(kit.state(stack, "worker")) == worker
        assert kit.state(stack, "web").instances[0].started_at > web.instances[0].started_at

    def test_a_restart_needs_a_running_stack_and_a_service_it_has(self, kit):
        stack = kit.stack("web")
        with pytest.raises(EngineError, match="not running"):
            list(kit.engine.restart(stack, "web"))
        with pytest.raises(EngineError, match="no service nobody"):
            list(kit.engine.restart(stack, "nobody"))

    def test_a_service_killed_from_outside_is_seen_and_comes_back(self, kit):
        stack = kit.stack("web")
        kit.up(stack)
        before = identities(kit.state(stack, "web"))
        kit.kill_service(stack, "web")

        def seen() -> bool:
            now = kit.state(stack, "web")
            return now.state != "running" or identities(now) != before or now.instances[0].restarts > 0

        until(seen, SEEN_WITHIN, "the death of web is seen")
        until(lambda: kit.state(stack, "web").state == "running", 20, "web runs again")
        assert get(stack, "web")
        assert any(one.service == "web" for one in kit.engine.status(stack).occurrences)

    def test_a_service_that_exits_at_once_fails_the_start_with_its_last_lines(self, kit):
        stack = kit.stack("web", "broken")
        with pytest.raises(EngineError) as raised:
            kit.up(stack)
        assert raised.value.service == "broken"
        assert "broken exited with code 3" in raised.value.message
        assert "cannot go on" in raised.value.detail
        assert raised.value.line == 5
        broken = kit.state(stack, "broken")
        assert broken.state == "failed"
        assert "cannot go on" in broken.last_lines
        assert broken.instances[0].exit_code == 3

    def test_a_service_that_never_answers_fails_the_start_and_still_runs(self, kit):
        stack = kit.stack("mute")
        with pytest.raises(EngineError) as raised:
            kit.up(stack)
        port = stack.host_ports[("mute", 1, 7000)]
        assert f"mute did not answer on port {port} within 1 s, though its process ran" in raised.value.message
        assert "thinking" in raised.value.message
        assert kit.state(stack, "mute").state == "starting"

    def test_a_port_held_by_somebody_else_is_told_before_anything_starts(self, kit):
        stack = kit.stack("web", "worker")
        port = stack.host_ports[("web", 1, 8000)]
        with socket.create_server(("127.0.0.1", port)):
            problems = kit.engine.problems(stack)
            assert [problem.port for problem in problems] == [port]
            assert problems[0].service == "web"
            assert str(port) in problems[0].message
            with pytest.raises(EngineError, match=str(port)):
                kit.up(stack)
            assert kit.alive(stack) == []
        assert kit.engine.problems(stack) == []

    def test_the_ports_of_a_running_stack_are_no_problem_to_itself(self, kit):
        stack = kit.stack("web")
        kit.up(stack)
        assert kit.engine.problems(stack) == []

    def test_logs_are_read_from_the_end_and_on(self, kit):
        stack = kit.stack("worker")
        kit.up(stack)
        until(lambda: len(kit.engine.logs(stack, "worker").lines) >= 5, 10, "five lines")
        assert len(kit.engine.logs(stack, "worker", tail=2).lines) == 2
        first = kit.engine.logs(stack, "worker")
        assert first.lines[0] == "beat 1"
        read = list(first.lines)
        offset = first.offset
        while len(read) < len(first.lines) + 5:
            more = kit.engine.logs(stack, "worker", after=offset)
            assert more.offset >= offset
            assert not more.missed
            offset = more.offset
            read += more.lines
        assert read == [f"beat {number}" for number in range(1, len(read) + 1)]
        assert kit.engine.runs(stack) == [first.run]

    def test_lines_have_their_times_and_all_that_is_kept_can_be_read(self, kit):
        stack = kit.stack("worker")
        kit.up(stack)
        until(lambda: len(kit.engine.logs(stack, "worker").lines) >= 5, 10, "five lines")
        name = stack.definition.service("worker").instance_names()[0]

        def known():
            # The newest may not have been looked at yet, so nobody knows their time.
            return [moment.at for chunk in kit.engine.history(stack, name) for moment in chunk.moments if moment]

        until(lambda: len(known()) >= 5 and known()[-1] > known()[0], 10, "lines of two moments")
        times = known()
        assert times == sorted(times)
        chunks = list(kit.engine.history(stack, name))
        lines = [line for chunk in chunks for line in chunk.lines]
        assert lines[:5] == [f"beat {number}" for number in range(1, 6)]
        assert sum(len(chunk.moments) for chunk in chunks) == len(lines)
        later = kit.engine.logs(stack, "worker", since=times[-1]).lines
        assert later and "beat 1" not in later

    def test_usage_counts_processes_memory_and_processor_time(self, kit):
        stack = kit.stack("web", "worker")
        kit.up(stack)
        first = {one.service: one for one in kit.engine.usage(stack)}
        assert first["web"].cpu is None
        assert first["web"].processes >= 1
        assert first["web"].memory > 500_000

        def measured() -> bool:
            get(stack, "web")
            shares = [one.cpu for one in kit.engine.usage(stack)]
            return None not in shares and min(shares) >= 0 and 0 < max(shares) <= 2

        until(measured, 10, "shares of a core")

    def test_what_remains_is_listed_and_removed(self, kit):
        stack = kit.stack("worker")
        kit.up(stack)
        kinds = {one.kind for one in kit.engine.remains(stack)}
        assert kinds & {"process", "container"}
        with pytest.raises(EngineError, match="stop it first"):
            kit.engine.remove(stack)
        kit.down(stack)
        assert not {one.kind for one in kit.engine.remains(stack)} & {"process", "container"}
        kit.engine.remove(stack)
        assert kit.engine.remains(stack) == []
        assert not stack.run_dir.exists()
        assert stack.path.is_dir()
        kit.engine.remove(stack)

    def test_a_start_that_is_left_early_leaves_the_stack_stoppable(self, kit):
        stack = kit.stack("web", "mute")
        steps = kit.engine.up(stack)
        for step in steps:
            if step.key == "ready:web" and step.done:
                break
        steps.close()
        assert kit.alive(stack)
        kit.down(stack)
        assert kit.alive(stack) == []
