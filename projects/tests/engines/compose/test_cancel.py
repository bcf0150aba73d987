"""A start that is left at any stage, by a cancel or by the death of the worker, leaves nothing behind."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import time

import pytest

from projects.engines.process.processes import living
from projects.engines.process.rundir import read_json
from projects.tests.engines.compose.shop import commands_on
from projects.tests.engines.processes_seen import until

pytestmark = pytest.mark.xdist_group("docker")

WITHIN = 15.0
# It builds slowly, its second service waits for a health check that never passes, its first ignores SIGTERM.
SLOW = """
services:
  deaf: {image: "hub-test/busybox:1", command: ["sh", "-c", "trap '' TERM; while true; do sleep 1; done"]}
  sick:
    image: hub-test/busybox:1
    init: true
    command: [sleep, "1000"]
    healthcheck: {test: "false", interval: 1s, retries: 100}
  built: {build: ., init: true, depends_on: {sick: {condition: service_healthy}}, command: [sleep, "1000"]}
"""
DOCKERFILE = "FROM hub-test/busybox:1\nRUN echo begun && sleep 3\n"
STAGES = ["build:built", "ready:deaf"]


@pytest.mark.parametrize("stage", STAGES)
def test_cancelled_in_the_middle_of_a_stage(kit, stage):
    stack = kit.stack_of(SLOW, files={"Dockerfile": DOCKERFILE + f"RUN echo {stage}\n"})
    steps = kit.engine.up(stack)
    told = set()
    for step in steps:
        if step.key == stage and step.key in told and (stage != "ready:deaf" or step.done):
            break
        told.add(step.key)
    began = time.monotonic()
    steps.close()
    kit.down(stack)
    assert time.monotonic() - began < WITHIN
    assert kit.left(stack) == [] and commands_on(stack.slug) == []


def test_after_the_worker_was_killed_the_next_one_goes_on(kit):
    """The start runs in a process of its own, which is killed while Compose works for it."""
    stack = kit.stack_of(SLOW, files={"Dockerfile": DOCKERFILE})
    program = (
        "import pickle, sys; from projects.engines.compose.engine import ComposeEngine\n"
        "stack = pickle.loads(sys.stdin.buffer.read())\n"
        "for step in ComposeEngine().up(stack): print(step.key, flush=True)\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    worker.stdin.write(pickle.dumps(stack))
    worker.stdin.close()
    mark = str(stack.run_dir / "compose-command.json")
    try:
        until(lambda: kit.containers(stack, "deaf"), 30, "containers are created")
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    content = read_json(mark)
    assert living(content["pid"], content["start"])
    began = time.monotonic()
    kit.down(stack)
    assert time.monotonic() - began < WITHIN
    assert kit.left(stack) == [] and commands_on(stack.slug) == []
