"""A project's own environment variables, encrypted at rest."""

from __future__ import annotations

import json
import re
from typing import Any

from events import encryption
from events.context import current
from events.secrets import MASK, is_secret, without_credentials
from projects.errors import ProjectError
from projects.models import Project, Revision

MAX_SIZE = 64 * 1024
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Hub sets these itself; a project that sets them would only be surprised.
RESERVED = re.compile(r"HUB_(STACK|SERVICE|STACK_DATA|PORT_.*)$|PORT$|PS$")


def encrypt(variables: dict[str, str]) -> bytes:
    """The variables, encrypted with this Hub's key."""
    return encryption.encrypt(json.dumps(variables).encode()) if variables else b""


def decrypt(content: bytes) -> dict[str, str]:
    """The variables that `encrypt` put away. ProjectError when the key is not the one they were written with."""
    if not content:
        return {}
    try:
        return json.loads(encryption.decrypt(content))
    except encryption.WrongKey:
        raise ProjectError(
            "The environment of this project cannot be decrypted: Hub's encryption key is another one.",
            field="env",
            hint="Restore the file encryption_key in Hub's data folder (or HUB_ENCRYPTION_KEY) from the backup.",
        ) from None


def encrypt_document(document: dict[str, Any]) -> bytes:
    """The document of a definition, encrypted with this Hub's key."""
    return encryption.encrypt(json.dumps(document).encode()) if document else b""


def load_document(revision: Revision) -> dict[str, Any]:
    """The document of the definition that a revision ran; empty where it had none."""
    return decrypt(revision.document)


def load(row: Project | Revision) -> dict[str, str]:
    """The variables of a project, or those that one of its revisions was started with."""
    return decrypt(row.environment)


def checked(variables: dict[str, str]) -> dict[str, str]:
    """The same variables. ProjectError for a name or a value that no process could be given."""
    for name, value in variables.items():
        if not isinstance(name, str) or not NAME.fullmatch(name) or len(name) > 200:
            raise ProjectError(f"{str(name)[:60]!r} is no name of a variable.", field="env",
                               hint="Use letters, digits and '_', and begin with no digit.")
        if RESERVED.match(name):
            raise ProjectError(f"{name} is set by Hub itself.", field="env", hint="Choose another name.")
        if not isinstance(value, str) or "\0" in value:
            raise ProjectError(f"The value of {name} must be text without zero bytes.", field="env")
    if len(json.dumps(variables)) > MAX_SIZE:
        raise ProjectError(f"The environment is larger than {MAX_SIZE // 1024} KB.", field="env")
    return variables


def store(project: Project, variables: dict[str, str]) -> None:
    """Put the variables into `project.environment`, encrypted; the caller saves the row."""
    project.environment = encrypt(checked(variables))


def masked(variables: dict[str, str]) -> dict[str, str]:
    """The variables, with what looks like a secret replaced by a mask, also inside URLs; with all of them masked for an
    actor who may not see environments."""
    told = current().payloads
    return {
        name: MASK if value and (is_secret(name) or not told) else without_credentials(value)
        for name, value in variables.items()
    }


def unmasked(variables: dict[str, str], before: dict[str, str]) -> dict[str, str]:
    """The variables, where one that was sent back as `masked` shows it keeps the value it had `before`."""
    shown = masked(before)
    return {name: before[name] if shown.get(name) == value else value for name, value in variables.items()}
