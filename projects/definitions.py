"""Definitions as JSON: what a revision keeps."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from projects.stacks.spec import Definition, Port, Readiness, ServiceSpec


def to_json(definition: Definition) -> dict[str, Any]:
    """A definition as plain JSON, without its variables and its document: they may hold secrets, and are kept
    encrypted."""
    content = asdict(definition)
    del content["env"], content["document"]
    if not content["inputs"]:
        del content["inputs"]
    content = {**content, "path": str(definition.path), "source": str(definition.source)}
    return json.loads(json.dumps(content))  # what comes back from the database is equal to it: lists, no tuples


def from_json(content: dict[str, Any], env: dict[str, str], document: dict[str, Any] | None = None) -> Definition:
    """The definition that `to_json` put away, with the variables and the document that it had."""
    return Definition(
        engine=content["engine"],
        path=Path(content["path"]),
        source=Path(content["source"]),
        services=tuple(
            ServiceSpec(**{
                **service,
                "ports": tuple(Port(**port) for port in service["ports"]),
                "depends_on": tuple(service["depends_on"]),
                "ready": Readiness(**service["ready"]),
            })
            for service in content["services"]
        ),
        env=env,
        document=document or {},
        unset=tuple(content.get("unset", ())),
        inputs=content.get("inputs", {}),
    )
