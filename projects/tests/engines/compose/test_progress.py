"""What is told while a stack starts: which service is waited for, how many are ready, and what Compose says."""

from __future__ import annotations

import pytest

from projects.engines.base import Step

pytestmark = pytest.mark.xdist_group("docker")

CHAIN = """
services:
  db:
    image: hub-test/busybox:1
    init: true
    command: [sleep, "1000"]
    healthcheck: {test: "true", interval: 0.3s}
  api:
    image: hub-test/busybox:1
    init: true
    command: [sleep, "1000"]
    depends_on: {db: {condition: service_healthy}}
    healthcheck: {test: "test -e /tmp/open", interval: 0.3s, retries: 1000}
  web:
    image: hub-test/busybox:1
    init: true
    command: [sleep, "1000"]
    depends_on: {api: {condition: service_healthy}}
"""


def test_it_counts_while_compose_itself_waits(kit):
    stack = kit.stack_of(CHAIN)
    command = stack.run_dir / "compose-command.json"
    during: list[Step] = []
    opened = False
    for step in kit.engine.up(stack):
        if not command.exists():
            continue
        during.append(step)
        # Only when both were told does the test let Compose go on.
        told = {(one.key, one.done, one.detail) for one in during}
        if not opened and {("ready:db", 1, ""), ("ready:api", 0, "its health check has not passed yet")} <= told:
            kit.run_in(stack, "api", "touch /tmp/open")
            opened = True
    assert opened
    created = [one for one in during if one.key == "create"]
    assert (created[-1].done, created[-1].total) == (3, 3)
    lines = [line for one in during for line in one.lines]
    assert any(line.startswith(f"Container hub-{stack.slug}-db-1") for line in lines)
    # What waits for another has not begun, so it is not told as under way.
    keys = [one.key for one in during if (one.key, one.done) == ("ready:api", 1) or one.key == "ready:web"]
    assert keys[:1] != ["ready:web"]


def test_what_compose_says_of_one_service_is_kept_too(kit):
    stack = kit.stack_of(CHAIN.replace("test -e /tmp/open", "true"))
    kit.up(stack)
    kit.container(stack, "web").remove(force=True)
    lines = [line for step in kit.engine.restart(stack, "web") for line in step.lines]
    assert any(line.startswith(f"Container hub-{stack.slug}-web-1") for line in lines)
