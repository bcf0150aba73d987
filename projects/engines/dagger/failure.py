"""Says in one sentence what went wrong in a build, whatever layer of the SDK says so."""

from __future__ import annotations

import re

import dagger

from projects.engines.dagger.image import Image
from projects.engines.dagger.order import Report

LAST_LINES = 30
LONGEST_COMMAND = 100


def failure_of(error: BaseException, image: Image | None = None) -> Report:
    """The report of a failure, in the stage of `image` when there is one."""
    service = image.service if image else ""
    if isinstance(error, dagger.ExecError) and image is not None:
        return _exec_failure(error, image)
    # What the SDK says of a query that it cannot build is an advice to its makers; what it is about stands beneath.
    message, line = _sentence(error.__cause__ if isinstance(error, dagger.InvalidQueryError) else error), None
    if isinstance(error, dagger.QueryError) and image is not None:
        found = re.search(r"\bline (\d+)", message)
        line = int(found[1]) if found else None
    if isinstance(error, dagger.InvalidQueryError | KeyError | dagger.QueryError) and _unknown(message, error):
        message = f"Dagger's engine does not know what its SDK asks for; use an engine of the SDK's version. {message}"
    elif isinstance(error, dagger.TransportError | dagger.ClientConnectionError | OSError):
        message = f"Dagger's engine went away: {message}"
    elif image is not None:
        message = f"the image could not be built: {message}"
    return Report("failed", f"{service}: {message}" if service else message, service=service, line=line)


def line_of(dockerfile: str, command: list[str]) -> int | None:
    """The line on which the RUN instruction of this command begins; None when it is not to be found."""
    wanted = _words(command[-1] if command else "")
    number = 0
    lines = dockerfile.splitlines()
    while wanted and number < len(lines):
        first, text = number, lines[number]
        while text.rstrip().endswith("\\") and number + 1 < len(lines):
            number += 1
            text = text.rstrip()[:-1] + lines[number]
        number += 1
        instruction = re.match(r"\s*RUN\s+(?:--\S+\s+)*(.*)", text, re.IGNORECASE | re.DOTALL)
        if instruction and _words(instruction[1]) == wanted:
            return first + 1
    return None


def _exec_failure(error: dagger.ExecError, image: Image) -> Report:
    try:
        line = line_of(image.text(), error.command)
    except OSError:  # it went away since: the failure is told without it
        line = None
    command = " ".join((error.command[-1] if error.command else "").split())
    if len(command) > LONGEST_COMMAND:
        command = f"{command[:LONGEST_COMMAND]} …"
    where = f" ({image.dockerfile}, line {line})" if line else ""
    said = (error.stderr.strip() or error.stdout.strip()).splitlines()[-LAST_LINES:]
    return Report(
        "failed", f"{image.service}: its build failed{where}: {command} exited with code {error.exit_code}.",
        service=image.service, detail="\n".join(said), line=line,
    )


def _sentence(error: BaseException | None) -> str:
    """What an error says, on one line; its kind when it says nothing."""
    return " ".join(str(error or "").split())[:1000] or type(error).__name__


def _unknown(message: str, error: BaseException) -> bool:
    """Whether the engine's schema lacks a field or an argument: an SDK and an engine that are too far apart."""
    return isinstance(error, dagger.InvalidQueryError | KeyError) or bool(
        re.search(r"Cannot query field|Unknown argument|Unknown type", message)
    )


def _words(command: str) -> list[str]:
    return command.replace("\\\n", " ").split()
