"""Which files make up a Compose stack."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from projects.stacks.spec import StackError

FILENAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""In the order in which Compose itself looks: the first one found counts."""

OVERRIDES = ("compose.override.yaml", "compose.override.yml", "docker-compose.override.yaml",
             "docker-compose.override.yml")


def files_of(folder: Path, source: Path, variables: Mapping[str, str]) -> list[Path]:
    """The stack's files, in the order in which later ones win: those that COMPOSE_FILE names, else the folder's own
    and its override. StackError when COMPOSE_FILE names one that is missing."""
    if named := variables.get("COMPOSE_FILE"):
        separator = variables.get("COMPOSE_PATH_SEPARATOR") or ":"
        files = [folder / name for name in named.split(separator) if name]
        for file in files:
            if not file.is_file():
                raise StackError(f"COMPOSE_FILE names {file.name}, which does not exist in {file.parent}.", file=file,
                                 code="missing", hint="Change COMPOSE_FILE in the .env, or add the file.")
        return files
    override = next((folder / name for name in OVERRIDES if (folder / name).is_file()), None)
    return [source, override] if override else [source]
