"""Progress that people can believe."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections
from django.utils import timezone

from tasks.actions import enqueue
from tasks.journal import MAX_LINES
from tasks.models import LogLine, Task
from tasks.progress import Progress, shown
from tasks.tests import jobs

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def step(key: str, usual: float | None, tail: float | None, begun: float | None = None, ended: float | None = None,
         done: int = 0, total: int = 1) -> dict:
    return {
        "key": key, "label": key, "done": done, "total": total, "detail": "", "usual": usual, "tail": tail,
        "started": None if begun is None else at(begun).isoformat(),
        "ended": None if ended is None else at(ended).isoformat(),
    }  # fmt: skip


def running(*steps: dict, progress: float | None = None) -> Task:
    return Task(state="running", steps=list(steps), progress=progress)


@pytest.mark.parametrize(
    ("task", "seconds", "percent", "left"),
    [
        # 10 s, then 30 s, then 10 s
        (running(step("a", 10, 40, 0), step("b", 30, 10), step("c", 10, 0)), 5, 10, 45),
        (running(step("a", 10, 40, 0, 10), step("b", 30, 10, 10), step("c", 10, 0)), 25, 50, 25),
        (running(step("a", 10, 40, 0, 10), step("b", 30, 10), step("c", 10, 0)), 10, 20, 40),
        (running(step("a", 10, 40, 0, 10), step("b", 30, 10, 10, 40), step("c", 10, 0, 40)), 45, 90, 5),
        # longer than usual: no further than nearly the end of the step, and then nobody knows
        (running(step("a", 10, 0, 0)), 30, 95, None),
        # two at once take no longer than the longer one
        (running(step("a", 10, 0, 0), step("b", 4, 6, 0)), 2, 100 * (2 + 2) / 14, 8),
        # counted: what is counted counts, time moves it on to no further than the next count
        (running(step("a", 10, 0, 0, done=5, total=10)), 1, 50, 9),
        (running(step("a", 10, 0, 0, done=1, total=10)), 9, 19.5, 1),
        # without history of any one step nothing is invented
        (running(step("a", 10, 0, 0), step("b", None, None)), 5, None, None),
        (running(step("a", None, None, 0)), 5, None, None),
        (running(), 5, None, None),
        # what was written before counts
        (running(step("a", 10, 0, 0), progress=70.0), 1, 70, 9),
        (Task(state="succeeded", progress=100.0), 0, 100, None),
        (Task(state="failed", progress=40.0, steps=[step("a", 10, 0, 0)]), 5, 40, None),
        (Task(state="queued"), 0, None, None),
    ],
)
def test_what_is_shown_is_counted_or_known_from_earlier_runs(task, seconds, percent, left):
    assert shown(task, at(seconds)) == (percent and pytest.approx(percent), left and pytest.approx(left))


def test_it_never_goes_back_and_never_says_100_while_it_runs():
    task = running(step("a", 2, 5, 0), step("b", 5, 0))
    last = 0.0
    for tenth in range(300):
        if tenth == 150:
            task.steps[0].update(ended=at(15).isoformat(), done=1)
            task.steps[1].update(started=at(15).isoformat())
        percent, _ = shown(task, at(tenth / 10))
        assert last <= percent < 100
        last = percent


@pytest.fixture
def told(transactional_db):
    """`told(**task)`: a running task and its Progress, which writes as it does in a horse."""
    made = []

    def make(**fields) -> tuple[Task, Progress]:
        task = Task.objects.create(job="trial.steps", title="t", actor="hub", state="running", attempt=1,
                                   started_at=timezone.now(), **fields)
        made.append(Progress(task))
        return task, made[-1]

    yield make
    for progress in made:
        progress.close(succeeded=False)


def stored(task: Task) -> Task:
    return Task.objects.get(pk=task.pk)


@pytest.mark.alone
def test_steps_are_written_at_once_and_counts_at_most_once_a_second(told, eventually):
    task, progress = told()
    progress.plan([("a", "First"), ("b", "Second")])
    progress.update("a", done=0, total=1000)
    eventually(lambda: (stored(task).step, stored(task).steps_total, stored(task).steps_done) == ("First", 2, 0), 0.9)
    begun, seen = time.monotonic(), set()
    for number in range(1000):
        progress.update("a", done=number)
        seen.add(stored(task).steps[0]["done"])
    assert len(seen) <= 2 + (time.monotonic() - begun)
    progress.finish("a")
    eventually(lambda: (stored(task).step, stored(task).steps_done) == ("Second", 1), 0.9)
    assert stored(task).progress is None


def test_a_new_plan_replaces_only_what_has_not_begun(told, eventually):
    task, progress = told()
    progress.plan([("a", "A"), ("b", "B"), ("c", "C")])
    progress.finish("a")
    progress.update("b", done=3, total=5, detail="half way")
    progress.update("b", done=2)  # never back
    progress.plan([("a", "again"), ("d", "D"), ("e", "E")])
    eventually(lambda: [one["key"] for one in stored(task).steps] == ["a", "b", "d", "e"], 2)
    steps = stored(task).steps
    assert steps[0]["label"] == "A" and steps[1]["detail"] == "half way" and steps[1]["done"] == 3


@pytest.mark.alone
def test_a_log_line_is_readable_within_a_second_and_a_flood_is_cut(told, eventually):
    task, progress = told()
    progress.log("hello\nworld", level="warning", source="web")
    eventually(lambda: LogLine.objects.count() == 2, 1.0)
    line = LogLine.objects.last()
    assert (line.text, line.level, line.source, line.attempt) == ("world", "warning", "web", 1)
    assert line.correlation_id == task.correlation_id
    progress.log("\n".join(f"{number}\0" for number in range(MAX_LINES * 2)))
    eventually(lambda: LogLine.objects.count() >= MAX_LINES, 5)
    progress.close(succeeded=False)
    assert LogLine.objects.count() == MAX_LINES and "left out" in LogLine.objects.last().text
    with pytest.raises(ValueError):
        progress.log("x", level="loud")


def test_an_attempt_that_was_superseded_writes_nothing_any_more(told, eventually):
    task, progress = told()
    Task.objects.filter(pk=task.pk).update(attempt=2, step="of the second")
    progress.plan([("a", "of the first")])
    progress.log("still here")
    eventually(lambda: LogLine.objects.exists())
    assert stored(task).step == "of the second" and stored(task).steps == []


def test_a_task_that_is_deleted_under_its_job_harms_nobody(told, eventually):
    task, progress = told()
    Task.objects.filter(pk=task.pk).delete()
    progress.log("to nobody")
    assert progress.close(succeeded=True)["steps"] == []


@pytest.mark.alone
def test_after_three_runs_the_remaining_time_is_right_at_half_time(trial_workers, said, wait_for):
    """One slow step among short ones, in a run as long as the earlier ones."""
    steps = [["short", 0.2, 1], ["slow", 3.0, 1], ["counted", 0.8, 4]]
    for _ in range(3):
        task = Task.objects.create(
            job="trial.steps", title="t", actor="hub", subject="trial:9", state="succeeded", finished_at=at(4.1),
            steps=[step("short", None, None, 0.0, 0.2), step("slow", None, None, 0.2, 3.2),
                   step("counted", None, None, 3.2, 4.0)],
        )  # fmt: skip
    trial_workers()
    seen: list[tuple[float, float | None, float | None, float | None]] = []
    ended = threading.Event()

    def watch(task_id) -> None:
        try:
            while not ended.wait(0.05):
                task = Task.objects.get(pk=task_id)
                if task.state == "running" and task.steps:
                    now = timezone.now()
                    seen.append(((now - task.started_at).total_seconds(), *shown(task, now), task.progress))
        finally:
            connections.close_all()

    task = enqueue(jobs.Steps, {"steps": steps, "file": str(said)}, subject="trial:9")
    watcher = threading.Thread(target=watch, args=[task.pk])
    watcher.start()
    try:
        task = wait_for(task, "succeeded", timeout=15)
    finally:
        ended.set()
        watcher.join()
    whole = task.run_time().total_seconds()
    half, _, left, _ = min(seen, key=lambda row: abs(row[0] - whole / 2))
    assert left == pytest.approx(whole - half, rel=0.3)
    percents = [row[1] for row in seen]
    assert percents == sorted(percents) and percents[0] >= 0 and percents[-1] < 100 and len(set(percents)) > 20
    written = [row[3] for row in seen if row[3] is not None]
    assert written == sorted(written) and task.progress == 100
    assert shown(task) == (100, None)


def test_the_first_run_names_its_step_and_invents_no_number(trial_workers, said, wait_for, eventually):
    trial_workers()
    task = enqueue(jobs.Steps, {"steps": [["one", 0.5, 1], ["two", 1.5, 1]], "file": str(said)}, subject="trial:9")
    eventually(lambda: stored(task).step == "Two")
    seen = stored(task)
    assert (seen.steps_done, seen.steps_total, seen.progress, shown(seen)) == (1, 2, None, (None, None))
    assert wait_for(task, "succeeded").progress == 100
