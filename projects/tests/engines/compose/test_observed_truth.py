"""What is done to containers from outside is seen within seconds, with its cause."""

from __future__ import annotations

import threading

import pytest
from docker.errors import APIError

from projects.engines.base import EngineError
from projects.engines.compose.containers import Observer
from projects.engines.compose.naming import PROJECT, SERVICE
from projects.tests.docker_engine import BUSYBOX
from projects.tests.engines.compose.kit import ComposeKit
from projects.tests.engines.conformance import SEEN_WITHIN
from projects.tests.engines.processes_seen import until

pytestmark = pytest.mark.xdist_group("docker")

WEB = """
services:
  web: {image: "hub-test/busybox:1", init: true, ports: ["80"], command: ["httpd", "-f", "-p", "80", "-h", "/bin"]}
  side: {image: "hub-test/busybox:1", init: true, command: [sleep, "1000"]}
"""


def seen(kit: ComposeKit, stack, service: str, state: str):
    """The service once it is in that state; within the time in which a user is promised to see it."""
    def now():
        status = kit.state(stack, service)
        return status if status.state == state else None

    return until(now, SEEN_WITHIN, f"{service} is {state}")


def refusal(kit: ComposeKit, stack) -> str:
    """Why the engine cannot tell the stack's state now; empty while it can."""
    try:
        kit.engine.status(stack)
    except EngineError as error:
        return str(error)
    return ""


def test_paused_killed_stopped_and_removed_are_told_apart(kit):
    stack = kit.stack_of(WEB)
    kit.up(stack)
    web = kit.container(stack, "web")
    web.pause()
    assert "paused" in seen(kit, stack, "web", "paused").reason
    web.unpause()
    seen(kit, stack, "web", "running")
    web.kill()
    killed = seen(kit, stack, "web", "failed")
    assert "killed from outside Hub" in killed.reason and killed.instances[0].signal == "SIGKILL"
    assert any("killed by SIGKILL" in one.message for one in kit.engine.status(stack).occurrences)
    web.start()
    seen(kit, stack, "web", "running")
    web.stop(timeout=5)
    assert "stopped from outside Hub" in seen(kit, stack, "web", "stopped").reason
    web.remove()
    assert "removed from outside" in seen(kit, stack, "web", "missing").reason
    assert kit.state(stack, "side").state == "running"
    kit.up(stack)
    assert {one.state for one in kit.engine.status(stack).services} == {"running"}


def test_a_paused_stack_can_be_started_and_stopped(kit):
    stack = kit.stack_of(WEB)
    kit.up(stack)
    kit.container(stack, "web").pause()
    kit.up(stack)
    assert kit.state(stack, "web").state == "running"
    kit.container(stack, "web").pause()
    kit.down(stack)
    assert kit.alive(stack) == []


def test_out_of_memory_is_named_with_the_limit(kit):
    stack = kit.stack_of("""
services:
  hungry:
    image: hub-test/busybox:1
    mem_limit: 16m
    command: ["sh", "-c", "echo eating; sleep 2; tail -c 200000000 /dev/zero"]
""")
    kit.up(stack)
    hungry = until(lambda: (one := kit.state(stack, "hungry")).state == "failed" and one, 15, "it is killed")
    assert "memory limit of 16 MB" in hungry.reason
    assert hungry.last_lines == ("eating",)


def test_details_of_a_running_service(kit):
    stack = kit.stack_of(WEB)
    kit.up(stack)
    web = kit.state(stack, "web").instances[0]
    container = kit.container(stack, "web")
    assert container.id.startswith(web.container_id) and web.image == container.attrs["Image"]
    assert web.started_at is not None and web.exit_code is None
    assert container.labels["hub.project"] == stack.slug and container.labels["hub.revision"] == "1"


def test_news_come_by_themselves_also_after_docker_was_away(kit):
    stack = kit.stack_of(WEB)
    kit.up(stack)
    heard = threading.Event()
    kit.engine.follow(stack, heard.set)
    kit.engine.follow(stack, heard.set)

    def told() -> bool:
        heard.clear()
        kit.container(stack, "side").restart(timeout=0)
        return heard.wait(2)

    until(told, 20, "a restart is heard of")
    kit.docker.stop()
    kit.docker.start()
    kit.up(stack)
    until(told, 20, "a restart is heard of again")


def test_a_docker_that_goes_away_is_said_and_seen_again(kit):
    stack = kit.stack_of(WEB.replace("init: true", "init: true, restart: always"))
    kit.up(stack)
    kit.docker.stop()
    try:
        # What was seen a moment before still serves; then it is said.
        assert "Docker does not answer" in until(lambda: refusal(kit, stack), SEEN_WITHIN, "its absence is said")
        (problem,) = kit.engine.problems(stack)
        assert problem.code == "docker-down" and "Start it" in problem.hint
    finally:
        kit.docker.start()
    until(lambda: kit.state(stack, "web").state == "running", 20, "it runs again")


def test_a_start_that_fails_is_seen_though_the_container_stays_created(docker_engine):
    """Docker tells of no event then, and lists the container as it was."""
    client = docker_engine.client()
    one = client.containers.create(BUSYBOX, ["no-such-program"], labels={PROJECT: "hub-refused", SERVICE: "web"})
    try:
        observer = Observer(client.api)
        (before,) = observer.look(fresh=True).of("hub-refused")
        with pytest.raises(APIError, match="no-such-program"):
            one.start()
        (after,) = observer.look(fresh=True).of("hub-refused")
        assert (before.state, before.error) == ("created", "")
        assert after.state == "created" and "no-such-program" in after.error
    finally:
        one.remove(force=True)
        client.close()
