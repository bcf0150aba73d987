"""Compare what is wished with what is seen; called by `watch` every few seconds."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from events.context import acting
from projects import actions
from projects.binding import engine_of, running_stack
from projects.engines.base import EngineError, StackStatus
from projects.errors import ProjectError
from projects.models import Project, Revision, Service
from projects.moves import move
from projects.observation import is_alive, write, wrong_with
from projects.stacks.spec import Stack
from projects.states import Desired, ProjectState
from projects.usage import Recorder
from tasks.actions import SubjectBusy
from tasks.models import Task
from tasks.states import ACTIVE

log = logging.getLogger(__name__)

USAGE_EVERY = 5.0
# A task has just ended, or is about to be written: its own word on the state comes first.
SETTLING = timedelta(seconds=3)

_recorder = Recorder()


def _nobody() -> None:
    """Who hears of changes before anybody listens."""


_changed: Callable[[], None] = _nobody
_stacks: dict[int, tuple[tuple, Stack]] = {}
_usage_at = 0.0


def listen(changed: Callable[[], None]) -> None:
    """From now on, engines that hear of changes call this, so that the next look need not wait for its turn."""
    global _changed
    _changed = changed


def reconcile(node: str = "") -> list[str]:
    """Look at every project of a node (this one) once. Returns a line for each thing that it did."""
    global _usage_at
    with acting(actor="hub", via="watch"):
        done: list[str] = []
        node = node or settings.HUB_NODE
        projects = list(Project.objects.filter(node=node))
        revisions = dict(
            Revision.objects.order_by().values("project").annotate(last=Max("number")).values_list("project", "last")
        )
        rows: dict[int, list[Service]] = defaultdict(list)
        for service in Service.objects.filter(project__node=node):
            rows[service.project_id].append(service)
        busy = set(
            Task.objects.filter(subject__startswith="projects.project:", state__in=ACTIVE)
            .values_list("subject", flat=True)
        )
        measure = time.monotonic() - _usage_at >= USAGE_EVERY
        if measure:
            _usage_at = time.monotonic()
        seen: list[int] = []
        for project in projects:
            if project.pk not in revisions:  # never started: there is nothing to look at
                continue
            try:
                stack = _stack(project, revisions[project.pk])
                done += _one(project, stack, rows[project.pk], project.subject in busy, measure)
                seen.append(project.pk)
            except EngineError as error:
                # Such as a Docker that does not answer: nothing is known of the project, and why is told.
                _say(project, error.message)
                log.warning("%s could not be looked at: %s", project.name, error)
            except (ProjectError, OSError) as error:
                log.warning("%s could not be looked at: %s", project.name, error)
        Project.objects.filter(pk__in=seen).update(observed_at=timezone.now())
        _recorder.flush({project.pk for project in projects}, timezone.now())
        for pk in set(_stacks) - {project.pk for project in projects}:
            del _stacks[pk]
        return done


def _say(project: Project, reason: str) -> None:
    if project.state == ProjectState.RUNNING and project.reason != reason:
        Project.objects.filter(pk=project.pk, state=project.state).update(reason=reason, reason_at=timezone.now())


def _one(project: Project, stack: Stack, rows: list[Service], is_busy: bool, measure: bool) -> list[str]:
    engine = engine_of(project)
    if _changed is not _nobody:
        engine.follow(stack, _changed)
    status = engine.status(stack)
    write(project, rows, status)
    if measure:
        _measure(project, stack, rows, is_alive(status))
    if is_busy:
        return []
    return _settle(project, stack, status)


def _settle(project: Project, stack: Stack, status: StackStatus) -> list[str]:
    """Bring the state of a project on which no task works in line with what is seen."""
    alive = is_alive(status)
    running = project.state == ProjectState.RUNNING
    if alive and project.desired == Desired.RUNNING and not status.supervised and any(
        instance.pid or instance.container_id for service in status.services for instance in service.instances
    ):
        if engine_of(project).ensure(stack):
            return [f"{project.name}: what watches it had died, and was brought back"]
        return []
    if running and not alive and project.desired == Desired.RUNNING and not status.supervised:
        return _revive(project)
    if timezone.now() - project.state_since < SETTLING:
        return []
    if alive and not running:
        reason = "" if project.desired == Desired.RUNNING else "It was found running, though it should be stopped."
        return _moved(project, ProjectState.RUNNING, reason)
    if not alive and (running or project.state == ProjectState.STARTING):
        if project.desired == Desired.RUNNING:
            return _moved(project, ProjectState.FAILED, wrong_with(status) or "Nothing of it runs.")
        return _moved(project, ProjectState.STOPPED, "")
    if not alive and project.state == ProjectState.STOPPING:
        return _moved(project, ProjectState.STOPPED, "")
    return []


def _revive(project: Project) -> list[str]:
    """Everything is gone, also what watched it: the host was restarted, or somebody killed all of it."""
    try:
        actions.start_again(project, "Nothing of it ran any more, nor what watched it, so Hub started it again.")
    except (SubjectBusy, ProjectError) as error:
        return [f"{project.name}: could not be started again: {error}"]
    return [f"{project.name}: nothing of it ran any more, so it is started again"]


def _moved(project: Project, to: str, reason: str) -> list[str]:
    before = project.state
    return [f"{project.name}: {before} → {to}"] if move(project, to, reason=reason) else []


def _measure(project: Project, stack: Stack, rows: list[Service], alive: bool) -> None:
    usages = {usage.service: usage for usage in engine_of(project).usage(stack)} if alive else {}
    _recorder.add(project.pk, list(usages.values()), timezone.now())
    for row in rows:
        usage = usages.get(row.name)
        cpu = round(usage.cpu, 3) if usage and usage.cpu is not None else None
        # Of a service without a process (it has ended, or began after the look) nothing was measured: that is no zero.
        memory = usage.memory if usage and usage.processes else None
        if (row.cpu, row.memory) != (cpu, memory):
            Service.objects.filter(pk=row.pk).update(cpu=cpu, memory=memory)


def _stack(project: Project, revision: int) -> Stack:
    """The stack that was started last; read again only when there is a newer revision."""
    version = (revision, project.slug, project.engine)
    kept = _stacks.get(project.pk)
    if kept is None or kept[0] != version:
        kept = _stacks[project.pk] = (version, running_stack(project))
    return kept[1]
