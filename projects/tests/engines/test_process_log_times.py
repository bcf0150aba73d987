"""When a line was written: known from looks at the file, never from a pipe through Hub, and never better than it is."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from projects.engines.base import Moment
from projects.engines.process import stamps
from projects.engines.process.rotation import LIMIT, Rotation
from projects.engines.process.stamps import Stamps, read
from projects.engines.process.times import Times
from projects.stacks.spec import Readiness, ServiceSpec
from projects.tests.engines.kit import PYTHON
from projects.tests.engines.processes_seen import until

BRIEF = Readiness(stay_up=0.05)
# Every line says when it was written.
CLOCK = """
import time
while True:
    print(f"{time.time():.6f}", flush=True)
    time.sleep(0.07)
"""


def known(kit, stack, service: str, **options) -> list[tuple[float, Moment]]:
    chunk = kit.engine.logs(stack, service, tail=10_000, **options)
    assert len(chunk.moments) == len(chunk.lines)
    return [(float(text), moment) for text, moment in zip(chunk.lines, chunk.moments, strict=True)]


def holds(said: float, moment: Moment) -> bool:
    """Whether a line was written in the time that is told. A file system's clock ticks every few milliseconds."""
    at = moment.at.timestamp()
    return at - moment.within - 0.02 <= said <= at + 0.02


def test_each_line_was_written_in_the_time_that_is_told_and_within_a_second(kit):
    stack = kit.stack_of(ServiceSpec("clock", f"{PYTHON} clock.py", ready=BRIEF))
    kit.write(stack, "clock.py", CLOCK)
    kit.up(stack)
    until(lambda: len(known(kit, stack, "clock")) > 40, 20, "some lines")
    lines = known(kit, stack, "clock")
    assert [moment for said, moment in lines if not holds(said, moment)] == []
    # On a busy machine a look may be late; it then says so.
    assert sorted(moment.within for _, moment in lines)[len(lines) // 2] <= 1.0
    assert [moment.at for _, moment in lines] == sorted(moment.at for _, moment in lines)
    kit.down(stack)
    assert [moment for said, moment in known(kit, stack, "clock") if not holds(said, moment)] == []


def test_times_stay_true_over_the_death_of_the_supervisor_and_a_restart(kit):
    stack = kit.stack_of(ServiceSpec("clock", f"{PYTHON} clock.py", ready=BRIEF))
    kit.write(stack, "clock.py", CLOCK)
    kit.up(stack)
    until(lambda: len(known(kit, stack, "clock")) > 5, 20, "some lines")
    kit.kill_supervisor(stack)
    count = len(known(kit, stack, "clock"))
    until(lambda: len(known(kit, stack, "clock")) > count + 5, 20, "lines that nobody watched")
    assert all(holds(said, moment) for said, moment in known(kit, stack, "clock")), "also before it is looked at again"
    kit.up(stack)
    list(kit.engine.restart(stack, "clock"))
    count = len(known(kit, stack, "clock"))
    until(lambda: len(known(kit, stack, "clock")) > count + 5, 20, "lines after the restart")
    assert all(holds(said, moment) for said, moment in known(kit, stack, "clock"))


def test_since_leaves_out_what_was_certainly_written_before(kit):
    stack = kit.stack_of(ServiceSpec("clock", f"{PYTHON} clock.py", ready=BRIEF))
    kit.write(stack, "clock.py", CLOCK)
    kit.up(stack)
    until(lambda: len(known(kit, stack, "clock")) > 30, 20, "some lines")
    everything = known(kit, stack, "clock")
    since = everything[len(everything) // 2][1].at
    part = known(kit, stack, "clock", since=since)
    assert part[0][1].at >= since and len(part) < len(known(kit, stack, "clock"))
    assert {said for said, moment in everything if moment.at >= since} <= {said for said, _ in part}
    chunks = list(kit.engine.history(stack, "clock", since=since))
    assert [float(text) for chunk in chunks for text in chunk.lines][: len(part)] == [said for said, _ in part]
    assert known(kit, stack, "clock", since=datetime.now(UTC) + timedelta(hours=1)) == []


def test_instances_stand_together_by_time(kit):
    stack = kit.stack_of(ServiceSpec("clock", f"{PYTHON} clock.py", ready=BRIEF, instances=2))
    kit.write(stack, "clock.py", CLOCK)
    kit.up(stack)
    until(lambda: len(kit.engine.logs(stack, "clock").lines) > 40, 20, "some lines")
    chunk = kit.engine.logs(stack, "clock")
    assert [moment.at for moment in chunk.moments] == sorted(moment.at for moment in chunk.moments)
    names = [text.split(" | ")[0] for text in chunk.lines]
    assert set(names) == {"clock.1", "clock.2"}
    # Not one after the other, whoever of them began first.
    assert sum(before != after for before, after in pairwise(names)) > 2


def test_times_go_on_over_a_rotation(tmp_path):
    path = tmp_path / "web.log"
    rotation = Rotation(str(path), limit=1000, since=time.time())
    for number in range(30):
        with path.open("a") as file:
            file.write(f"line {number:060d}\n")
        rotation.finish()
    assert path.stat().st_size < 1000, "it was rotated"
    # Offsets are those of the run.
    assert [end for _, _, end in read(str(path))] == [number * 66 for number in range(31)]
    moments = Times(str(path)).of([(number + 1) * 66 for number in range(30)])
    assert None not in moments and [moment.at for moment in moments] == sorted(moment.at for moment in moments)


def test_what_is_noted_is_bounded_and_older_lines_are_known_less_exactly(tmp_path, monkeypatch):
    monkeypatch.setattr(stamps, "LIMIT", 4096)
    path = str(tmp_path / "web.log")
    notes = Stamps(path)
    for number in range(2000):
        notes.note(1000.0 + number, 1001.0 + number, number * 10 + 10)
        assert os.path.getsize(f"{path}.times") <= 4096
    records = read(path)
    assert records[0][0] == 1000.0 and records[-1] == (2999.0, 3000.0, 20_000)
    assert all(one[2] < other[2] and one[1] <= other[0] for one, other in pairwise(records))
    assert records[0][1] - records[0][0] > records[-1][1] - records[-1][0]
    assert Stamps(path).end == 20_000


def test_a_log_of_which_nothing_was_noted_has_no_times(tmp_path):
    path = tmp_path / "web.log"
    path.write_text("old\n")
    assert Times(str(path)).of([4]) == [None]


def test_a_flood_is_noted_within_its_bound(kit):
    stack = kit.stack_of(ServiceSpec("web", "sleep 0.3; timeout 3 yes; true", kind="one-shot"))
    kit.up(stack)
    path = stack.run_dir / "logs" / "1" / "web.log.times"
    assert path.stat().st_size <= stamps.LIMIT
    chunk = kit.engine.logs(stack, "web", tail=5)
    assert all(moment.within < 2 for moment in chunk.moments)
    read_lines = sum(len(one.lines) for one in kit.engine.history(stack, "web"))
    assert LIMIT / 2 <= read_lines <= 3 * LIMIT / 2
