"""A snapshot as the monitor's page shows it. Lengths that grow by themselves are left to the browser (`since`), so what
is shown changes only when something has happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from events.charts import Series, count
from events.charts.bars import bars
from events.words import span
from tasks.monitor.ended import RANGES
from tasks.monitor.shared import latest
from tasks.presentation import Look, look_of, version_of
from tasks.queue import ORDERS

NOTES = {"minute": "the last minute, 2 s a column", "hour": "the last hour, a minute a column",
         "day": "the last day, 30 min a column"}
WORKER_LOOKS = {
    "busy": Look("running", "s-moving", "busy"),
    "idle": Look("succeeded", "s-succeeded", "idle"),
    "starting": Look("queued", "s-queued", "starting"),
    "draining": Look("cancelled", "pause", "draining"),
    "stopping": Look("cancelled", "stop", "stopping"),
}
# So many workers are listed: those that are idle only among few, so that what follows is not far below.
FEW_WORKERS, MOST_WORKERS = 12, 50
# So many fragments of the newest snapshot are kept: each range, for those who may operate and those who may not.
_rendered: dict[tuple[str, str, bool], tuple[str, SafeString]] = {}


@dataclass(frozen=True, slots=True)
class Tile:
    """A number that is true now; with `since` its value is the time from then until now."""

    title: str
    value: str
    note: str
    state: str = ""
    icon: str = ""
    level: str = ""
    since: str = ""


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker. `used`: how much of its life it was at work, per cent; `since`: when its task began."""

    name: str
    place: str
    lanes: str
    look: Look
    task: str
    title: str
    step: str
    since: str
    used: int
    memory: int
    note: str
    may_drain: bool
    may_stop: bool


@dataclass(frozen=True, slots=True)
class RunningRow:
    """A task at work; `percent` is None without history."""

    id: str
    title: str
    lane: str
    worker: str
    line: str
    percent: int | None
    since: str


def context(snapshot: dict[str, Any], chosen: str, may_operate: bool) -> dict[str, Any]:
    """What the templates read; `chosen` is the range of the chart, `version` a mark of all that is shown."""
    by_worker = {one["task"]: one["name"] for one in snapshot["workers"]["items"] if one["task"]}
    running = {one["id"]: one for one in snapshot["running"]}
    alive = snapshot["workers"]
    busy = sum(one["state"] != "idle" or one["silent"] > 0 for one in alive["items"])
    seen = alive["items"][:max(FEW_WORKERS, min(busy, MOST_WORKERS))]
    shown = {
        "tiles": _tiles(snapshot),
        "lanes": snapshot["lanes"],
        "workers": [_markup(_worker(one, running.get(one["task"]), snapshot["at"]), may_operate) for one in seen],
        "away": alive["away"],
        "total": alive["total"],
        "hidden": alive["total"] - len(seen),
        "worker_states": ", ".join(f"{number} {state}" for state, number in sorted(alive["states"].items())),
        "kept": snapshot["crews"],
        "lost": [one | {"look": look_of(one["state"])} for one in snapshot["lost"]],
        "running": [_running(one, by_worker) for one in snapshot["running"]],
        "more_running": snapshot["states"]["running"] - len(snapshot["running"]),
        "coming": [one | {"when": _when(one["at"], snapshot["at"])} for one in snapshot["coming"]],
        "failures": [one | {"when": _when(one["last_at"], snapshot["at"])} for one in snapshot["failures"]],
        "window": snapshot["window"],
        "lengths": _lengths(snapshot["window"]),
        "chart": _chart(snapshot, chosen),
        "chosen": chosen,
        "ranges": list(RANGES),
        "may_operate": may_operate,
    }
    return shown | {"version": version_of([shown])}


def fragment(chosen: str, may_operate: bool) -> tuple[str, SafeString]:
    """The live part of the page as it is now, and a mark of it; rendered once for all who see the same."""
    snapshot = latest()
    key = (snapshot["version"], chosen, may_operate)
    found = _rendered.get(key)
    if found is None:
        shown = context(snapshot, chosen, may_operate)
        found = shown["version"], mark_safe(render_to_string("tasks/monitor/_live.html", shown))
        for old in [one for one in list(_rendered) if one[0] != snapshot["version"]]:
            _rendered.pop(old, None)
        _rendered[key] = found
    return found


def _tiles(snapshot: dict[str, Any]) -> list[Tile]:
    states, lanes, window = snapshot["states"], snapshot["lanes"], snapshot["window"]
    ranks = {rank: sum(lane[rank] for lane in lanes) for rank in ("high", "medium", "low")}
    depth = ", ".join(f"{number:,} {rank}" for rank, number in ranks.items() if number)
    waiting = [lane for lane in lanes if lane["oldest"]]
    oldest = min(waiting, key=lambda lane: lane["oldest"], default=None)
    nearest = next((_when(one["at"], snapshot["at"]) for one in snapshot["coming"]), "")
    workers = "Redis is away" if snapshot["workers"]["away"] else f"of {snapshot['workers']['total']} workers"
    failed = window["failed"]
    return [
        Tile("Running", str(states["running"]), workers, "running", "s-moving"),
        Tile("Queued", f"{states['queued']:,}", depth or "none waits", "queued", "s-queued"),
        Tile("Oldest waiting", "", f"on {oldest['name']}", since=oldest["oldest"], icon="clock",
             level="warning" if oldest["late"] else "")
        if oldest else Tile("Oldest waiting", "–", "nothing waits for a worker", icon="clock"),
        Tile("Scheduled", f"{states['scheduled']:,}",
             f"next at {nearest}" if nearest else "nothing is due", "scheduled", "s-scheduled"),
        Tile("Blocked", f"{states['blocked']:,}", "wait for other tasks", "blocked", "s-blocked"),
        Tile("Ended, 5 min", f"{window['succeeded'] + failed + window['cancelled']:,}",
             f"{failed:,} failed" if failed else "none failed", "failed" if failed else "",
             "s-failed" if failed else ""),
    ]


def _worker(one: dict[str, Any], task: dict[str, Any] | None, at: str) -> WorkerRow:
    now, began = datetime.fromisoformat(at), datetime.fromisoformat(one["started_at"])
    worked = one["worked"] + ((now - datetime.fromisoformat(task["started_at"])).total_seconds() if task else 0)
    return WorkerRow(
        one["name"], f"{one['node'] or one['host']}, pid {one['pid']}", ", ".join(one["lanes"]),
        WORKER_LOOKS.get(one["state"], WORKER_LOOKS["starting"]), one["task"] if task else "",
        task["title"] if task else "", _step(task) if task else "", task["started_at"] if task else "",
        min(100, round(100 * worked / max((now - began).total_seconds(), 1))), one["memory"] >> 20,
        f"not heard of for {one['silent']} s" if one["silent"] else "",
        one["state"] not in ORDERS.values(), one["state"] != "stopping",
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _markup(row: WorkerRow, may_operate: bool) -> SafeString:
    """The row in the table; of many workers most look as they did a second ago."""
    return mark_safe(render_to_string("tasks/monitor/_worker.html", {"row": row, "may_operate": may_operate}))


def _running(one: dict[str, Any], by_worker: dict[str, str]) -> RunningRow:
    percent = None if one["progress"] is None else int(one["progress"])
    return RunningRow(one["id"], one["title"], one["lane"], by_worker.get(one["id"], ""), _step(one), percent,
                      one["started_at"])


def _step(task: dict[str, Any]) -> str:
    if task["cancel_requested"]:
        return "is being cancelled"
    if not task["steps_total"]:
        return task["step"]
    return f"{task['steps_done']} of {task['steps_total']} done" + (f" · {task['step']}" if task["step"] else "")


def _chart(snapshot: dict[str, Any], chosen: str) -> SafeString:
    columns = snapshot["ended"][chosen]
    times = [datetime.fromisoformat(column[0]) for column in columns]
    series = [Series("succeeded", [column[1] for column in columns], "task:succeeded"),
              Series("failed", [column[2] for column in columns], "task:failed"),
              Series("cancelled", [column[3] for column in columns], "task:cancelled")]
    chart = bars(f"ended-{chosen}", times, series, count("tasks"), f"Tasks that ended in {NOTES[chosen]}", kind="tall")
    return chart.figure("Ended", f"In {NOTES[chosen]}; times are UTC")


def _when(at: str, now: str) -> str:
    """A time as it is told today (UTC): with its day when that is another."""
    time = datetime.fromisoformat(at)
    return f"{time:%H:%M:%S}" if at[:10] == now[:10] else f"{time.day} {time:%b %H:%M}"


def _lengths(window: dict[str, Any]) -> list[tuple[str, str, str]]:
    """How long tasks waited and ran: (what, p50, p95)."""
    return [
        (what, *("–" if window[name][share] is None else span(window[name][share]) for share in ("p50", "p95")))
        for what, name in (("Wait", "wait"), ("Run", "run"))
    ]
