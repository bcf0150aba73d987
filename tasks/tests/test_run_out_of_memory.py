"""A task for which memory is wanting: it dies alone, is named, and its worker goes on."""

from __future__ import annotations

import contextlib
import html
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from accounts.tests.people import signed_in
from tasks import memory
from tasks.actions import enqueue
from tasks.models import Task
from tasks.tests import jobs

# For a worker and its horse, which need some 60 MB.
LIMIT = 200 << 20
# Of both versions of control groups; where there is swap, it must not help.
LIMITS = {"memory.max": LIMIT, "memory.swap.max": 0, "memory.limit_in_bytes": LIMIT,
          "memory.memsw.limit_in_bytes": LIMIT}
V1, V2 = "4:memory:/a/b\n0::/\n", "0::/a/b\n"


@pytest.fixture(params=["group", "machine"])
def counted(tmp_path: Path, request):
    """`counted(3)`: from now on the kernel seems to have killed three in the group of the workers, or on the machine
    where no group says it. `counted.words` is what a death then says."""
    (tmp_path / "self").mkdir()
    (tmp_path / "self/cgroup").write_text(V2)
    group = tmp_path / "groups/a/b"
    group.mkdir(parents=True)
    counter, of_group = tmp_path / "vmstat", request.param == "group"
    if of_group:
        (group / "memory.max").write_text("536870912\n")
        counter = group / "memory.events"

    def count(number: int) -> None:
        new = tmp_path / "new"
        new.write_text(f"low 0\nhigh 9\nmax 7\noom {number}\noom_kill {number}\n")
        os.replace(new, counter)

    count.words = ("It was killed by the kernel for want", "it may use 512 MB.") if of_group else (
        "It was killed by SIGKILL, probably by the kernel for want", "the machine had no more.")
    count(0)
    return count


def page_of(task: Task) -> str:
    return html.unescape(signed_in("viewer").get(f"/tasks/{task.pk}/").text)


def test_one_that_the_kernel_kills_is_named_with_its_memory_and_its_worker_goes_on(trial_workers, said, wait_for):
    with _limited() as limit:
        (worker,) = trial_workers()
        limit()
        task = wait_for(enqueue(jobs.Hungry, {"file": str(said), "most": LIMIT * 2}), "failed", timeout=30)
        after = wait_for(enqueue(jobs.Say, {"file": str(said)}), "succeeded", timeout=20)
        worker.stop()
    attempt = task.attempts.get()
    assert task.error.startswith("It was killed by the kernel for want of memory: it had used up to ")
    assert "with its worker it may use 200 MB. The last step was “Eat”." in task.error
    # What it shares with its worker counts for both.
    assert (attempt.signal, attempt.outcome) == ("SIGKILL", "died") and 60 << 20 < attempt.memory < LIMIT * 2
    assert after.attempts.get().worker == attempt.worker == worker.name


@contextmanager
def _limited() -> Iterator[Callable[[], None]]:
    """What this process starts now lives in a control group whose memory has a limit as soon as it is asked for."""
    pid = str(os.getpid())
    group, home = _new_group()
    if group is None:
        pytest.xfail("No control group with a limit can be made here: that needs root, and the memory controller.")
    (group / "cgroup.procs").write_text(pid)

    def limit() -> None:
        (home / "cgroup.procs").write_text(pid)
        for name, value in LIMITS.items():
            if (group / name).exists():
                (group / name).write_text(str(value))

    try:
        yield limit
    finally:
        for left in {pid, *(group / "cgroup.procs").read_text().split()}:
            (home / "cgroup.procs").write_text(left)
        _remove(group)


def _new_group() -> tuple[Path | None, Path | None]:
    """A group whose memory can be limited, below this process's own or the root, and the one where this process is."""
    places = [place for place, _ in memory._groups() if (place / "cgroup.procs").exists()]
    mine = [place for place in places if str(os.getpid()) in (place / "cgroup.procs").read_text().split()]
    for place in places if mine else ():
        group = place / f"hub-test-{os.getpid()}"
        with contextlib.suppress(OSError):
            group.mkdir()
            if any((group / name).exists() for name in LIMITS):
                return group, mine[0]
            group.rmdir()
    return None, None


def _remove(group: Path) -> None:
    """It is busy until the last process that was in it is quite gone."""
    deadline = time.monotonic() + 10
    while group.exists():
        with contextlib.suppress(OSError):
            group.rmdir()
        assert time.monotonic() < deadline, group


def test_a_kill_is_the_kernels_when_its_counter_rose_and_somebodys_when_not(
    workers, counted, said, wait_for, eventually, tmp_path
):
    environ = {"DJANGO_SETTINGS_MODULE": "tasks.tests.settings", "TRIAL_PROC": str(tmp_path),
               "TRIAL_CGROUPS": str(tmp_path / "groups")}
    (worker,) = workers(1, environ=environ)

    def killed(kills: int) -> Task:
        said.write_text("")
        task = enqueue(jobs.Patient, {"file": str(said)})
        eventually(lambda: "began" in said.read_text())
        attempt = Task.objects.get(pk=task.pk).attempts.get()
        os.kill(worker.pid, signal.SIGSTOP)  # so that it learns of both at once, however slow this machine is
        counted(kills)
        os.kill(attempt.pid, signal.SIGKILL)
        os.kill(worker.pid, signal.SIGCONT)
        return wait_for(task, "failed")

    by_kernel = killed(1)
    beginning, bound = counted.words
    assert by_kernel.error.startswith(f"{beginning} of memory: it had used up to ") and bound in by_kernel.error
    assert by_kernel.attempts.get().memory > 10 << 20
    assert killed(1).error.startswith("Its process was killed by SIGKILL.")


def test_one_that_may_have_no_more_says_so_and_the_next_runs(trial_workers, said, wait_for):
    trial_workers()
    task = wait_for(enqueue(jobs.Hungry, {"file": str(said), "most": 4 << 30, "room": 64 << 20}), "failed", timeout=30)
    assert task.error.startswith("It asked for more memory than it may have: its process had used up to ")
    assert "MemoryError" in task.detail
    assert wait_for(enqueue(jobs.Say, {"file": str(said)}), "succeeded").attempts.count() == 1


def test_the_page_tells_why_it_died(trial_workers, said, wait_for, eventually):
    trial_workers()
    task = enqueue(jobs.Hungry, {"file": str(said), "most": 1 << 30, "chews": 1})
    eventually(lambda: task.log_lines.count() >= 2, 20)
    eventually(lambda: Task.objects.get(pk=task.pk).step)
    os.kill(task.attempts.get().pid, signal.SIGKILL)
    task = wait_for(task, "failed")
    page = page_of(task)
    death = page[page.index('id="death"'):].split("</dl>")[0]
    assert "SIGKILL" in death and " MB at most" in death and ">Eat<" in death and "ate 16 MB" in death
    seen = task.attempts.get()
    assert seen.memory > 16 << 20 and f"{seen.memory / 2**20:,.0f} MB" in death


@pytest.mark.django_db
def test_one_that_ended_by_itself_has_no_death(redis_server):
    task = Task.objects.create(job="trial", title="Trial", actor="a", state="failed", error="It rained.")
    page = page_of(task)
    assert 'id="death"' not in page and "It rained." in page


@pytest.mark.parametrize(("groups", "files", "kills", "limit"), [
    (V2, {"a/b/memory.events": "oom 5\noom_kill 4\n", "a/b/memory.max": "max\n", "a/memory.max": "1000\n"},
     memory.Kills(4), 1000),
    (V1, {"memory/a/b/memory.oom_control": "under_oom 0\noom_kill 2\n",
          "memory/a/b/memory.limit_in_bytes": "9223372036854771712\n"}, memory.Kills(2), None),
    # In a container: the path is the host's, and what is mounted is the group itself.
    (V1, {"memory/memory.oom_control": "oom_kill 3\n", "memory/memory.limit_in_bytes": "2000\n"},
     memory.Kills(3), 2000),
    (V2, {}, memory.Kills(7, everywhere=True), None),
    ("", {}, memory.Kills(7, everywhere=True), None),
])
def test_the_kernels_counters_are_found_where_they_are(tmp_path, monkeypatch, groups, files, kills, limit):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(groups)
    (tmp_path / "proc/vmstat").write_text("nr_free_pages 1\noom_kill 7\n")
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    assert (memory.kills(), memory.limit()) == (kills, limit)


def test_kills_rise_only_within_one_count():
    assert memory.Kills(1).rose(memory.Kills(2)) and not memory.Kills(2).rose(memory.Kills(2))
    assert not memory.Kills(1).rose(memory.Kills(2, everywhere=True)) and not memory.Kills(None).rose(memory.Kills(1))
