"""What stacks need: Docker and Dagger where projects use them, and room among the ports."""

from __future__ import annotations

import os
from collections.abc import Iterator

from django.conf import settings

from hub.doctor.finding import Finding, failure, fine, warning
from projects.engines.compose.problems import command_problems
from projects.engines.dagger.access import access_problem
from projects.models import PortLease, Project


def docker() -> Iterator[Finding]:
    """A failure only where a project of this host needs it."""
    needed = Project.objects.filter(node=settings.HUB_NODE, engine__in=["compose", "dagger"]).exists()
    problems = command_problems()
    if not problems:
        yield fine("Docker Compose", "docker compose is here, and new enough.")
    elif needed:
        yield failure("Docker Compose", problems[0].message, problems[0].hint)
    else:
        yield fine("Docker Compose", f"No project needs it. {problems[0].message}")


def dagger() -> Iterator[Finding]:
    if not Project.objects.filter(node=settings.HUB_NODE, engine="dagger").exists():
        return
    problem = access_problem(os.environ)
    if problem is not None:
        yield failure("Dagger", problem.message, problem.hint)
    else:
        yield fine("Dagger", "An engine can be had.")


def ports() -> Iterator[Finding]:
    low, high = settings.HUB_PORT_RANGE
    used = PortLease.objects.filter(node=settings.HUB_NODE, host_port__range=(low, high)).count()
    size = high - low + 1
    said = f"{used} of {size} ports from {low} to {high} are leased."
    if used >= size:
        yield failure("Ports", said, "Set HUB_PORT_RANGE to a larger range: no project can be added.")
    elif used > 0.9 * size:
        yield warning("Ports", said, "Set HUB_PORT_RANGE to a larger range.")
    else:
        yield fine("Ports", said)
