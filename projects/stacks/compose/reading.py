"""Reading a folder's Compose files: nothing in the folder is changed, and no Docker Engine is needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from projects.stacks.compose import cli
from projects.stacks.compose.files import files_of
from projects.stacks.compose.outline import outline
from projects.stacks.compose.resolved import resolve
from projects.stacks.compose.services import BadService, services_of
from projects.stacks.compose.source import Source, read_source
from projects.stacks.compose.variables import read_env
from projects.stacks.spec import Definition, StackError
from projects.stacks.textfile import line_error


def read(folder: Path, source: Path, extra_env: Mapping[str, str] | None = None) -> Definition:
    """The Definition of the Compose stack in `folder`, whose main file is `source`. `extra_env`, the project's own
    environment, wins over the folder's `.env`. StackError, with file and line, for everything that is wrong.

    `document` is what Compose itself made of the files; it is empty where there is no `docker compose` to ask.
    """
    own = dict(extra_env or {})
    env = read_env(folder / ".env", own)
    variables = {**env, **own}
    sources = [read_source(file) for file in files_of(folder, source, variables)]
    content = outline(sources, variables)
    document: dict[str, Any] = {}
    unset: list[str] = []
    docker = cli.program()
    if docker is not None and cli.version(docker) is not None:
        document, unset = resolve(docker, folder, sources, variables)
    try:
        found = list(services_of(document or content, lambda *place: _line(sources, *place)))
    except BadService as error:
        where = next((one for one in sources if error.place[:2] in one.lines), sources[0])
        raise line_error(where.path, _line([where], *error.place) or 1, f"{error}.") from None
    # In the order of the files; Compose itself sorts by name.
    order = list(content["services"])
    services = tuple(sorted(found, key=lambda one: order.index(one.name) if one.name in order else len(order)))
    if not services:
        raise StackError(f"{source.name} has no service that would run.", file=source, line=1,
                         hint="Add one under services, or name its profile in COMPOSE_PROFILES.")
    return Definition("compose", folder, source, services, env=env, document=document, unset=tuple(unset))


def _line(sources: list[Source], *place: str | int) -> int | None:
    """Where it stands; of an included or extended service, nowhere in these files."""
    for source in sources:
        if place[:2] in source.lines:
            return source.line(*place)
    return None
