"""Projects whose folder is on another host: what can be known and done from here, and what only there."""

from __future__ import annotations

import posixpath
from pathlib import Path

from django.conf import settings

from projects.binding import read_definition, running_stack
from projects.errors import ProjectError
from projects.models import Project
from projects.stacks.spec import Definition
from tasks.nodes import registry
from tasks.nodes.registry import BadNode

LONGEST_PATH = 4096


def node_of(name: str) -> str:
    """The node of that name, this one for "": where a new project belongs to. ProjectError when there is none."""
    if not name:
        return settings.HUB_NODE
    try:
        return registry.known(name)
    except BadNode as error:
        raise ProjectError(error.message, field="node",
                           hint="A node is known once its worker or watch has run.") from None


def is_here(node: str) -> bool:
    """Whether that node is this host."""
    return node == settings.HUB_NODE


def require_here(project: Project, what: str, field: str = "") -> None:
    """ProjectError for a project of another node; `what`, as in “its logs”, can only be read or done there."""
    if not project.is_here:
        raise ProjectError(f"{project.name} is on node {project.node}: {what} can be reached only there.", field=field,
                           code="conflict", hint=f"Use the pages or manage.py of Hub on {project.node}.")


def unread(path: str, engine: str, node: str) -> Definition:
    """A definition without services, for a folder that only its own node can read. ProjectError for what is no
    absolute path."""
    if not path.startswith("/") or "\0" in path or len(path) > LONGEST_PATH:
        raise ProjectError(f"The folder is on node {node}: type its absolute path there, such as /srv/shop.",
                           field="path", hint="Hub reads it there at the first start.")
    if engine and engine not in Project.Engine.values:
        raise ProjectError(f"There is no engine {engine[:40]!r}.", field="engine",
                           hint=f"Engines: {', '.join(Project.Engine.values)}.")
    place = Path(posixpath.normpath("/" + path.lstrip("/")))
    return Definition(engine=engine or Project.Engine.PROCESS, path=place, source=place, services=())


def definition_of(project: Project, env: dict[str, str]) -> Definition | None:
    """What the folder of a project says now; elsewhere what it said at the last start, None when there was none."""
    if project.is_here:
        return read_definition(project.path, project.engine, env)
    return running_stack(project).definition if project.revisions.exists() else None


def notice(node: str) -> str:
    """What is wrong with the node of a project, in a sentence or two; empty when nothing is, or when it is this one,
    of which `/health` tells."""
    if is_here(node):
        return ""
    found = registry.node(node)
    if found is None:
        return f"There is no node {node} any more. Start its worker and watch, or delete the project."
    if not found.answers:
        return f"Its node {node} {registry.since(found)}. What is asked for now waits until it is back."
    if found.workers == 0:
        return f"Its node {node} has no worker. What is asked for now waits until one is started there."
    if not found.is_watched:
        return f"Nothing watches node {node}, so how it is there is not known. Start manage.py watch there."
    return ""
