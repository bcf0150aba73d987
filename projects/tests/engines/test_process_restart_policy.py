"""What happens when a service ends by itself."""

from __future__ import annotations

import signal

import pytest

from projects.engines.base import EngineError
from projects.stacks.spec import Readiness, ServiceSpec
from projects.tests.engines.processes_seen import kill, mains_of, until

BRIEF = Readiness(stay_up=0.1)


def ends_with(text: str, **fields) -> ServiceSpec:
    """Runs until the file `go` is there, then ends in the way that is asked for."""
    command = f"echo begun; while [ ! -e go ]; do sleep 0.02; done; sleep 0.2; {text}"
    return ServiceSpec("web", command, ready=BRIEF, **fields)


def test_after_five_quick_deaths_it_is_failed_and_shows_why(kit):
    stack = kit.stack_of(ends_with("echo out of luck; exit 7"))
    kit.up(stack)
    kit.write(stack, "go", "")
    until(lambda: kit.state(stack, "web").state == "restarting", 5, "the first death is seen")
    until(lambda: kit.state(stack, "web").state == "failed", 20, "web is given up")
    web = kit.state(stack, "web")
    assert "exited with code 7" in web.reason
    assert "5 times in a row" in web.reason
    assert web.instances[0].exit_code == 7
    assert web.instances[0].restarts == 4
    assert web.last_lines[-1] == "out of luck"
    messages = [one.message for one in kit.engine.status(stack).occurrences]
    waits = [message.rpartition("it starts again in ")[2] for message in messages if "starts again" in message]
    assert waits == ["0.5 s", "1 s", "2 s", "4 s"]
    # A new start tries again.
    (stack.path / "go").unlink()
    kit.up(stack)
    assert kit.state(stack, "web").state == "running"


def test_a_signal_is_named(kit):
    stack = kit.stack_of(ends_with("kill -9 $$", restart="no"))
    kit.up(stack)
    kit.write(stack, "go", "")
    until(lambda: kit.state(stack, "web").state == "failed", 5, "web is failed")
    web = kit.state(stack, "web")
    assert "was ended by SIGKILL after" in web.reason
    assert web.instances[0].signal == "SIGKILL"
    assert web.instances[0].exit_code is None


def test_a_program_under_a_shell_names_its_signal_too(kit):
    stack = kit.stack_of(ServiceSpec("web", "sleep 600; exit $?", ready=BRIEF, restart="no"))
    kit.up(stack)
    (main,) = mains_of(stack, "web")
    with open(f"/proc/{main}/task/{main}/children") as file:
        kill(int(file.read()), signal.SIGKILL)
    until(lambda: kit.state(stack, "web").state == "failed", 5, "web is failed")
    assert "exited with code 137" in kit.state(stack, "web").reason
    assert "SIGKILL" in kit.state(stack, "web").reason


def test_without_restarts_the_first_death_is_the_last(kit):
    stack = kit.stack_of(ends_with("exit 4", restart="no"))
    kit.up(stack)
    kit.write(stack, "go", "")
    until(lambda: kit.state(stack, "web").state == "failed", 5, "web is failed")
    assert kit.state(stack, "web").instances[0].restarts == 0


def test_an_end_with_code_0_is_no_reason_to_start_again(kit):
    stack = kit.stack_of(ends_with("exit 0"))
    kit.up(stack)
    kit.write(stack, "go", "")
    until(lambda: kit.state(stack, "web").state == "failed", 5, "web is failed")
    assert "exited with code 0" in kit.state(stack, "web").reason


def test_always_starts_again_after_code_0(kit):
    stack = kit.stack_of(ends_with("exit 0", restart="always"))
    kit.up(stack)
    kit.write(stack, "go", "")
    until(lambda: kit.state(stack, "web").instances[0].restarts >= 1, 5, "web is started again")


def test_a_service_that_fails_twice_before_it_is_ready_gets_there(kit):
    command = "echo x >> tries; [ $(wc -l < tries) -ge 3 ] && exec sleep 600; exit 1"
    stack = kit.stack_of(ServiceSpec("web", command, ready=BRIEF))
    kit.up(stack)
    assert kit.state(stack, "web").instances[0].restarts == 2


def test_a_one_shot_is_never_started_again(kit):
    stack = kit.stack_of(ServiceSpec("job", "echo x >> tries; echo no luck; exit 2", kind="one-shot", restart="always"))
    with pytest.raises(EngineError) as raised:
        kit.up(stack)
    assert "job exited with code 2" in raised.value.message
    assert raised.value.detail == "no luck"
    assert (stack.path / "tries").read_text() == "x\n"
    assert kit.state(stack, "job").state == "failed"
