"""What containers said: while they run, after they were removed, and over several runs."""

from __future__ import annotations

from itertools import pairwise

import pytest

from projects.engines.compose import logs
from projects.tests.engines.processes_seen import until

pytestmark = pytest.mark.xdist_group("docker")

TALK = """
services:
  talk:
    image: hub-test/busybox:1
    init: true
    command: ["sh", "-c", "for n in 1 2 3; do echo out $$n; echo err $$n >&2; done; exec sleep 1000"]
  pair:
    image: hub-test/busybox:1
    init: true
    deploy: {replicas: 2}
    command: ["sh", "-c", "while true; do cut -d ' ' -f 1 /proc/uptime; sleep 0.5; done"]
"""


def test_the_last_runs_stay_readable_after_the_stop(kit):
    stack = kit.stack_of(TALK)
    kit.up(stack)
    lines = until(lambda: len(found := kit.engine.logs(stack, "talk").lines) == 6 and found, 10, "six lines")
    assert sorted(lines) == ["err 1", "err 2", "err 3", "out 1", "out 2", "out 3"]
    kit.down(stack)
    assert kit.engine.logs(stack, "talk").lines == lines and kit.engine.runs(stack) == [1]
    kit.up(stack)
    assert kit.engine.runs(stack) == [2, 1]
    assert kit.engine.logs(stack, "talk", run=1).lines == lines
    kit.down(stack)


def test_instances_are_merged_by_time_and_read_on_from_an_offset(kit):
    stack = kit.stack_of(TALK)
    kit.up(stack)
    until(lambda: len(kit.engine.logs(stack, "pair").lines) >= 8, 15, "eight lines")
    chunk = kit.engine.logs(stack, "pair")
    names, times = zip(*(line.split(" | ") for line in chunk.lines), strict=True)
    assert set(names) == {"pair.1", "pair.2"}
    # Each says the time before Docker notes it, so two may be swapped that came at once; not more.
    assert all(float(later) > float(earlier) - 0.4 for earlier, later in pairwise(times))
    more = until(lambda: (found := kit.engine.logs(stack, "pair", after=chunk.offset)).lines and found, 10, "more")
    assert not set(more.lines) & set(chunk.lines)
    assert all(line.replace(".", "").isdigit() for line in kit.engine.logs(stack, "pair.2").lines)


def test_only_the_end_of_a_long_log_is_kept(kit, monkeypatch):
    monkeypatch.setattr(logs, "KEPT_BYTES", 2000)
    stack = kit.stack_of("services:\n  talk: {image: 'hub-test/busybox:1', init: true, "
                         "command: [sh, -c, 'seq 1 5000; exec sleep 1000']}\n")
    kit.up(stack)
    until(lambda: kit.engine.logs(stack, "talk").lines[-1:] == ("5000",), 10, "all was said")
    kit.down(stack)
    kept = kit.engine.logs(stack, "talk", tail=10_000).lines
    assert kept[-1] == "5000" and 10 < len(kept) < 100
    assert (stack.run_dir / "logs" / "1" / "talk.log").stat().st_size <= 2000


def test_usage_knows_network_and_disk(kit):
    stack = kit.stack_of("services:\n  web: {image: 'hub-test/busybox:1', init: true, command: [sleep, '1000']}\n")
    kit.up(stack)
    (usage,) = kit.engine.usage(stack)
    assert usage.network_in is not None and usage.disk_written is not None and usage.processes
