"""Variables as the environment page lists them: what looks like a secret has no value here unless it was asked for."""

from __future__ import annotations

from dataclasses import dataclass

from projects.binding import read_definition
from projects.environment import load, masked
from projects.errors import ProjectError
from projects.models import Project
from projects.states import ProjectState


@dataclass(frozen=True, slots=True)
class VariableRow:
    """A variable. `secret`: `value` is a mask, the real one is not in the page."""

    name: str
    value: str
    secret: bool
    shown: bool = False
    multiline: bool = False


def rows_of(variables: dict[str, str], shown: str = "") -> list[VariableRow]:
    """The variables by name; `shown` names the one whose value is shown in the clear."""
    covered = masked(variables)
    rows = []
    for name in sorted(variables):
        clear = name == shown
        secret = covered[name] != variables[name] and not clear
        value = variables[name] if clear else covered[name]
        rows.append(VariableRow(name, value, secret, clear, "\n" in value))
    return rows


def rows_of_folder(project: Project, variables: dict[str, str]) -> list[VariableRow]:
    """The variables that the folder itself sets and the project does not; none when it cannot be read now."""
    if not project.is_here:
        return []
    try:
        own = read_definition(project.path, project.engine, variables).env
    except ProjectError:
        return []
    return rows_of({name: value for name, value in own.items() if name not in variables})


def changed_since(project: Project, variables: dict[str, str]) -> list[str]:
    """Names that differ from what the project runs with now; none while it does not run."""
    if project.state != ProjectState.RUNNING:
        return []
    revision = project.revisions.first()
    if revision is None:
        return []
    try:
        running = load(revision)
        own = read_definition(project.path, project.engine, variables).env
    except ProjectError:
        return []
    now = {**own, **variables}
    return sorted(name for name in {*now, *running} if now.get(name) != running.get(name))
