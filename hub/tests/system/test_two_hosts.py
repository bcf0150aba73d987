"""One Hub on two hosts: each runs its own stacks, and a line that breaks loses and doubles nothing."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from conftest import redis_binary
from hub.tests.system.two_hosts import TwoHosts, skip_unless_allowed, two_hosts

# What people are promised: a node that does not answer is seen within this time (seconds).
SEEN_WITHIN = 30.0


@pytest.fixture
def hosts(eventually) -> Iterator[TwoHosts]:
    skip_unless_allowed()
    # Not below pytest's own folders: PostgreSQL's user may not enter those.
    folder = Path(tempfile.mkdtemp(prefix="hub-tests-hosts-"))
    folder.chmod(0o711)
    try:
        with two_hosts(folder, redis_binary()) as both:
            eventually(lambda: both.seen()["nodes"] == {"a": [True, True], "b": [True, True]}, 60)
            yield both
    finally:
        shutil.rmtree(folder)


def servers(hosts: TwoHosts) -> list[int]:
    """The web servers that run on the second host."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "http.server" in (process.info["cmdline"] or ()) and hosts.second.has(process.pid):
            found.append(process.pid)
    return found


def test_each_host_runs_its_own_stacks_and_a_broken_line_loses_and_doubles_nothing(hosts, eventually):
    def is_now(name: str, status: str, timeout: float) -> dict:
        return eventually(lambda: (found := hosts.seen()["projects"][name])["status"] == status and found, timeout)

    near, far = hosts.first.stack("near"), hosts.second.stack("far")
    hosts.first.manage("project", "add", str(near), "--name", "Near")
    added = hosts.first.manage("project", "add", str(far), "--name", "Far", "--node", "b")
    assert (added["node"], added["ports"]) == ("b", [])

    # Asked for on the first host, done by the second, whose root alone has that folder.
    for name in ("Near", "Far"):
        assert hosts.first.manage("project", "start", name, "--wait")["state"] == "succeeded"
    (service,) = is_now("Far", "running", 15)["services"]
    port, pid = service["port"], service["pid"]
    assert hosts.second.has(pid) and not hosts.first.has(pid)
    # Each leased the first port of its own, and each is its own.
    (service,) = is_now("Near", "running", 15)["services"]
    assert service["port"] == port
    near_pid = service["pid"]
    assert hosts.first.get(hosts.second.address, port) == "b"
    assert hosts.first.get(hosts.first.address, port) == "a"

    hosts.cut()
    cut_at = time.monotonic()
    said = is_now("Far", "unknown", SEEN_WITHIN)["reason"]
    eventually(lambda: hosts.seen()["nodes"]["b"] == [False, False], SEEN_WITHIN + 10)
    silent = next(look["at"] for look in hosts.looks() if look["at"] > cut_at and not look["nodes"]["b"][0])
    assert silent - cut_at <= SEEN_WITHIN
    assert "Its node b has not answered since" in said
    # Asked for meanwhile: it waits. The stack runs on, and the other host notices nothing.
    asked = hosts.first.manage("project", "restart", "Far")
    assert asked["state"] == "queued"
    assert servers(hosts) == [pid] and hosts.second.get("127.0.0.1", port) == "b"
    since = [look["projects"]["Near"]["services"][0]["pid"] for look in hosts.looks() if look["at"] > cut_at]
    assert set(since) == {near_pid}
    is_now("Near", "running", 15)

    hosts.mend()
    eventually(lambda: hosts.seen()["nodes"]["b"] == [True, True], 60)
    again = eventually(lambda: (found := hosts.seen()["projects"]["Far"])["status"] == "running"
                       and found["services"][0]["pid"] not in (pid, None) and found, 60)
    done = hosts.first.manage("task", "show", asked["task_id"])
    assert (done["state"], [one["outcome"] for one in done["attempts"]]) == ("succeeded", ["succeeded"])
    # Restarted once, as asked: another process, and only one.
    assert servers(hosts) == [again["services"][0]["pid"]]
    assert all(one.poll() is None for host in (hosts.first, hosts.second) for one in host.processes.values())
