"""Who works: watch, workers, nodes, and whether what they leave behind agrees."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from events.nats.state import state as nats_state
from events.relay.lag import lag
from hub.doctor.finding import Finding, failure, fine, warning
from hub.watch import WATCH_STALE, heartbeat_age
from tasks.drift.comparison import compare
from tasks.models import Task
from tasks.nodes.registry import nodes, since
from tasks.queue import workers_alive
from tasks.schedules.models import Schedule
from tasks.states import TaskState

# Minutes that a task may wait with workers alive before somebody should look.
LONG_WAIT = 30


def watch() -> Iterator[Finding]:
    age = heartbeat_age()
    if age is None or age > WATCH_STALE:
        seen = "was never seen" if age is None else f"was seen {age:,.0f} s ago"
        yield failure("Watch", f"The watch of this data folder {seen}: nothing is rescued, scheduled or observed.",
                      "Start it: bin/up, or `bin/manage watch` where Hub's parts run alone.")
    else:
        yield fine("Watch", f"It was seen {age:.0f} s ago.")


def workers() -> Iterator[Finding]:
    alive = workers_alive()
    if not alive:
        yield failure("Workers", "No worker is alive: tasks wait.", "Start them: bin/up, or `bin/manage worker`.")
        return
    others = sorted({one.version for one in alive} - {settings.VERSION})
    if others:
        yield warning("Workers", f"{len(alive)} are alive, some of {', '.join(others)}; Hub is {settings.VERSION}.",
                      "Restart them: a worker drains by itself when it is told to stop.")
    else:
        yield fine("Workers", f"{len(alive)} are alive.")
    oldest = Task.objects.filter(state=TaskState.QUEUED).order_by("ready_at").values_list("ready_at", flat=True).first()
    if oldest is not None and timezone.now() - oldest > timedelta(minutes=LONG_WAIT):
        minutes = (timezone.now() - oldest).total_seconds() / 60
        yield warning("Waiting tasks", f"The oldest has waited for {minutes:,.0f} minutes.",
                      "Look at the monitor: a paused lane, a lane that no worker serves, or too few workers.")


def hosts() -> Iterator[Finding]:
    for one in nodes():
        if one.is_here or one.is_well:
            continue
        yield failure(f"Node {one.name}", f"It {since(one)}, with {one.workers or 'no'} workers.",
                      f"Start watch and workers on {one.host or 'its host'}, or `bin/manage node remove {one.name}`.")


def drift() -> Iterator[Finding]:
    found = compare()
    if found.queue_away:
        yield failure("Drift", "Redis does not answer: only the processes could be compared.", "Start Redis.")
    elif found.number:
        first = found.findings[0].label if found.findings else ""
        yield warning("Drift", f"Database and queues disagree in {found.number} places. {first}",
                      "The watch puts it right within a minute; look again then, and at the page of drift.")
    else:
        yield fine("Drift", "The database and the queues agree.")


def schedules() -> Iterator[Finding]:
    due = timezone.now() - timedelta(minutes=5)
    late = Schedule.objects.filter(paused=False, next_run_at__lt=due).order_by("next_run_at")
    if names := list(late.values_list("name", flat=True)[:3]):
        yield failure("Schedules", f"{', '.join(names)} should have begun more than five minutes ago.",
                      "Look whether the watch runs, and at its log.")
    else:
        yield fine("Schedules", "None is late.")


def stream() -> Iterator[Finding]:
    found = lag()
    if found.is_late:
        yield failure("Event stream", f"{found.count} facts have no position, the oldest for {found.span}.",
                      "Look whether the watch runs, and at its log.")
    else:
        yield fine("Event stream", f"It is at position {found.position:,}, and nothing waits.")
    nats = nats_state()
    if nats["configured"] and not nats["connected"]:
        yield warning("NATS", f"{nats['url']} does not answer.", "Events are sent when it is back. Look at its log.")
    elif nats["configured"]:
        yield fine("NATS", f"{nats['url']} answers.")
