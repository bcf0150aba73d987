"""What Compose itself makes of a stack's files: one content with everything filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from projects.stacks.compose import cli
from projects.stacks.compose.source import Source
from projects.stacks.spec import StackError

NAME = "hub-project-slug"
"""Stands for the project's name in what is read: the same content serves every copy, see `named`."""

CONFIG_SECONDS = 20
HOST = ("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
_UNSET = re.compile(r'The \\?"(\w+)\\?" variable is not set')
_REQUIRED = re.compile(r"required variable (\w+) is missing a value(?:: (.*))?")
_SERVICE = re.compile(r"services\.([\w.-]+?)(?:\.|\s|:|$)|service \"([\w.-]+)\"")
_UNKNOWN = re.compile(r"[Aa]dditional propert(?:y|ies) '?([\w.-]+)'? (?:is|are)? ?not allowed")
_NO_ENV_FILE = re.compile(r"env file (\S+) not found")
_LINE = re.compile(r"line (\d+)")


def resolve(docker: str, folder: Path, sources: list[Source], variables: Mapping[str, str],
            ) -> tuple[dict[str, Any], list[str]]:
    """The content that `docker compose` would run, and the names of the variables that it found unset.

    StackError, with file and line where they can be told, for everything that Compose refuses.
    """
    words = cli.compose(docker, name=NAME, folder=folder, files=[source.path for source in sources])
    # Reading asks no Docker host, so one that cannot be reached must not keep it from being read.
    reading = {name: value for name, value in cli.variables_for(variables).items() if name not in HOST}
    answer = cli.run([*words, "config", "--format", "json"], reading, seconds=CONFIG_SECONDS, folder=folder)
    if answer.code != 0:
        raise _error(answer.err, sources)
    try:
        content = json.loads(answer.out)
    except ValueError:
        raise StackError(f"docker compose said nothing that can be read of {sources[0].path.name}.",
                         file=sources[0].path) from None
    return content, sorted(set(_UNSET.findall(answer.err)))


def named(content: Any, name: str) -> Any:
    """The content with the project's real name in the place of `NAME`."""
    if isinstance(content, str):
        return content.replace(NAME, name)
    if isinstance(content, dict):
        return {key.replace(NAME, name): named(value, name) for key, value in content.items()}
    if isinstance(content, list):
        return [named(value, name) for value in content]
    return content


def _error(text: str, sources: list[Source]) -> StackError:
    lines = [line for line in text.strip().splitlines() if line.strip() and "level=warning" not in line]
    said = (lines[-1] if lines else "docker compose refused it without a word").strip()
    said = said.removeprefix("Error: ").removeprefix("validating ")
    for source in sources:
        said = said.removeprefix(f"{source.path}: ")
    hint = ""
    if match := _REQUIRED.search(said):
        said = f"the variable {match[1]} is not set{': ' + match[2] if match[2] else ''}"
        hint = f"Set {match[1]} in the project's environment or in its .env."
        source, line = _mention(sources, rf"\$\{{?{re.escape(match[1])}\b")
    elif match := _NO_ENV_FILE.search(said):
        said, hint = f"the env_file {match[1]} does not exist", "Add it, or mark it required: false."
        source, line = _mention(sources, re.escape(Path(match[1]).name))
    else:
        source, line = _place(said, sources)
        if match := _UNKNOWN.search(said):
            hint = f"Remove {match[1]}, or check its spelling and indentation."
    where = f"{source.path.name}, line {line}" if line else source.path.name
    return StackError(f"{where}: {said.rstrip('.')}.", file=source.path, line=line, hint=hint)


def _place(said: str, sources: list[Source]) -> tuple[Source, int | None]:
    """Where a message of Compose points to: the unknown key, the service that it names, or a line that it tells."""
    if match := _UNKNOWN.search(said):
        for source in reversed(sources):
            ends = [line for place, line in source.lines.items() if place and place[-1] == match[1]]
            if ends:
                return source, ends[0]
    if match := _SERVICE.search(said):
        name = match[1] or match[2]
        for source in reversed(sources):
            if ("services", name) in source.lines:
                return source, source.lines["services", name]
    if match := _LINE.search(said):
        return sources[0], int(match[1])
    return sources[0], None


def _mention(sources: list[Source], pattern: str) -> tuple[Source, int | None]:
    """The first line on which the pattern is found."""
    for source in sources:
        for number, line in enumerate(source.path.read_text(errors="replace").splitlines(), start=1):
            if re.search(pattern, line):
                return source, number
    return sources[0], None
