"""Logs: bounded, readable from the end and on over rotations, kept for the last runs."""

from __future__ import annotations

import os
import time

import pytest

from projects.engines.process import reading
from projects.engines.process.reading import read_on, read_tail
from projects.engines.process.rotation import LIMIT, Rotation
from projects.stacks.spec import Readiness, ServiceSpec
from projects.tests.engines.kit import PYTHON

BRIEF = Readiness(stay_up=0.05)

# 20,000 numbered lines of 100 bytes a second, a hundred at a time.
FLOOD = """
import os, time
number, begun = 0, time.monotonic()
while True:
    os.write(1, b"".join(b"%099d\\n" % n for n in range(number, number + 100)))
    number += 100
    time.sleep(max(0, begun + number / 20000 - time.monotonic()))
"""


def on_disk(stack) -> int:
    total = 0
    for path in (stack.run_dir / "logs").rglob("*"):
        try:
            total += path.lstat().st_size
        except FileNotFoundError:
            # Put in place between the listing and the look.
            continue
    return total


@pytest.mark.alone
def test_a_flood_stays_bounded_and_readable(kit):
    stack = kit.stack_of(ServiceSpec("web", f"{PYTHON} flood.py", ready=BRIEF))
    kit.write(stack, "flood.py", FLOOD)
    kit.up(stack)
    deadline, most, last, read, slowest = time.monotonic() + 6, 0, -1, 0, 0.0
    offset = kit.engine.logs(stack, "web", tail=1).offset
    while time.monotonic() < deadline:
        began = time.monotonic()
        chunk = kit.engine.logs(stack, "web", after=offset, tail=100_000)
        slowest = max(slowest, time.monotonic() - began)
        assert chunk.offset >= offset
        offset = chunk.offset
        numbers = [int(line) for line in chunk.lines]
        assert numbers == sorted(numbers)
        assert not numbers or numbers[0] > last
        last, read = (numbers[-1] if numbers else last), read + len(numbers)
        most = max(most, on_disk(stack))
        time.sleep(0.1)
    # It went over the limit twice, so it was cut twice while we read.
    assert last * 100 > 2 * LIMIT
    assert read >= 0.95 * last
    assert most <= 3 * LIMIT
    assert slowest < 0.5


def test_a_service_that_writes_as_fast_as_it_can_is_bounded_too(kit):
    stack = kit.stack_of(ServiceSpec("web", "sleep 0.5; timeout 3 yes; true", kind="one-shot"))
    kit.up(stack)
    assert on_disk(stack) <= 3 * LIMIT
    assert kit.engine.logs(stack, "web", tail=3).lines == ("y", "y", "y")


def test_the_tail_of_a_large_log_is_not_read_whole(tmp_path, monkeypatch):
    path = tmp_path / "web.log"
    path.write_bytes(b"".join(b"line %d\n" % number for number in range(400_000)))
    counted = []
    pread = os.pread
    monkeypatch.setattr(reading.os, "pread", lambda *arguments: counted.append(arguments[1]) or pread(*arguments))
    lines, offset = read_tail(str(path), 3)
    assert lines == ["line 399997", "line 399998", "line 399999"]
    assert offset == path.stat().st_size
    assert sum(counted) < 200_000


def test_offsets_go_on_over_a_rotation(tmp_path):
    path = tmp_path / "web.log"
    rotation = Rotation(str(path), limit=1000)
    path.write_text("".join(f"line {number}\n" for number in range(10)))
    lines, offset, missed = read_on(str(path), 0, 100)
    assert (len(lines), missed) == (10, False)
    with path.open("a") as file:
        file.write("line 10\n")
    rotation.rotate()
    assert path.stat().st_size == 0
    with path.open("a") as file:
        file.write("line 11\n")
    lines, after, missed = read_on(str(path), offset, 100)
    assert (lines, missed) == (["line 10", "line 11"], False)
    assert read_tail(str(path), 3) == (["line 9", "line 10", "line 11"], after)
    for number in range(12, 15):
        with path.open("a") as file:
            file.write(f"line {number}\n")
        rotation.rotate()
    lines, last, missed = read_on(str(path), after, 100)
    assert (lines, missed) == (["line 14"], True)
    assert last > after


def test_odd_bytes_long_lines_and_unfinished_lines(tmp_path):
    path = tmp_path / "web.log"
    path.write_bytes(b"good\r\n\xff\xfe caf\xc3\xa9\n" + b"x" * 20_000 + b"\nnot yet")
    lines, offset = read_tail(str(path), 10)
    assert lines[0] == "good"
    assert lines[1] == "\ufffd\ufffd caf\u00e9"
    assert lines[2].startswith("x" * 8192)
    assert lines[2].endswith("(line cut)")
    assert len(lines[2]) < 8300
    assert len(lines) == 3
    assert read_on(str(path), offset, 10) == ([], offset, False)
    with path.open("ab") as file:
        file.write(b", now\n")
    lines, offset, _ = read_on(str(path), offset, 10)
    assert lines == ["not yet, now"]
    with path.open("ab") as file:
        file.write(b"last words")
    os.utime(path, (time.time() - 5, time.time() - 5))
    assert read_on(str(path), offset, 10)[0] == ["last words"]


def test_the_logs_of_the_last_five_runs_are_kept(kit):
    stack = kit.stack_of(ServiceSpec("job", "cat text", kind="one-shot"))
    for number in range(7):
        kit.write(stack, "text", f"this is run {number}\n")
        kit.up(stack)
        kit.down(stack)
    runs = kit.engine.runs(stack)
    assert runs == [7, 6, 5, 4, 3]
    assert kit.engine.logs(stack, "job").lines == ("this is run 6",)
    assert kit.engine.logs(stack, "job", run=runs[-1]).lines == ("this is run 2",)
    assert kit.engine.logs(stack, "job", run=1).lines == ()


def test_a_log_goes_on_over_the_restart_of_its_service(kit):
    stack = kit.stack_of(ServiceSpec("web", "echo here we are; sleep 600", ready=BRIEF))
    kit.up(stack)
    list(kit.engine.restart(stack, "web"))
    assert kit.engine.logs(stack, "web").lines == ("here we are", "here we are")
