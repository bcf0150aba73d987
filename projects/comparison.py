"""What differs between two things that a project ran, or between one of them and what its folder says now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from events.secrets import MASK, is_secret, without_credentials
from projects import environment, revisions
from projects.binding import engine_of, read_definition
from projects.definitions import to_json
from projects.models import Project, Revision

# Of a service, what only says where it stands.
PLACE = frozenset({"name", "line"})


@dataclass(frozen=True, slots=True)
class Ran:
    """What is compared: a kept revision, or the folder as it is now (`number` is None; it has no ports of its own)."""

    number: int | None
    definition: Mapping[str, Any]
    variables: Mapping[str, str] = field(repr=False)
    ports: Mapping[str, str]
    images: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same: `before` and `after` are what people may read, None where it is not there.

    `secret`: both are masks, and it is only said that the value is another.
    """

    kind: Literal["service", "setting", "variable", "port", "image"]
    name: str
    before: str | None
    after: str | None
    secret: bool = False


def of_revision(revision: Revision) -> Ran:
    """A kept revision. ProjectError when its variables cannot be decrypted."""
    return Ran(revision.number, revision.definition, environment.load(revision), _ports(revision.ports),
               dict(revision.images))


def of_folder(project: Project) -> Ran:
    """What a start would run now. ProjectError when the folder cannot be read."""
    own = environment.load(project)
    definition = read_definition(project.path, project.engine, own)
    definition = replace(definition, inputs=engine_of(project).inputs(definition))
    leases = revisions.ports_of(list(project.leases.all()))
    return Ran(None, to_json(definition), {**definition.env, **own}, _ports(leases), {})


def differences(before: Ran, after: Ran) -> list[Difference]:
    """Everything that differs, services first. Ports are compared between revisions only, images where both are
    known."""
    found = [*_services(before, after), *_settings(before, after), *_inputs(before, after),
             *_variables(before, after)]
    if None not in (before.number, after.number):
        found += _plain("port", before.ports, after.ports)
    if before.images and after.images:
        found += _plain("image", before.images, after.images)
    return found


def _services(before: Ran, after: Ran) -> Iterator[Difference]:
    old = {service["name"]: service for service in before.definition["services"]}
    new = {service["name"]: service for service in after.definition["services"]}
    for name in dict.fromkeys([*old, *new]):
        if name not in new:
            yield Difference("service", name, old[name].get("command") or "there", None)
        elif name not in old:
            yield Difference("service", name, None, new[name].get("command") or "there")
        else:
            for key in dict.fromkeys([*old[name], *new[name]]):
                one, other = old[name].get(key), new[name].get(key)
                if key not in PLACE and one != other:
                    title = f"{name}: {key.replace('_', ' ')}"
                    yield Difference("service", title, _said(one, key), _said(other, key))


def _settings(before: Ran, after: Ran) -> Iterator[Difference]:
    old, new = before.definition, after.definition
    for key in dict.fromkeys([*old, *new]):
        if key not in ("services", "env", "inputs") and old.get(key) != new.get(key):
            yield Difference("setting", key.replace("_", " "), _said(old.get(key), key), _said(new.get(key), key))


def _inputs(before: Ran, after: Ran) -> Iterator[Difference]:
    """Files that images are built from, where both are known."""
    old, new = before.definition.get("inputs", {}), after.definition.get("inputs", {})
    for name in old:
        if name in new and old[name] != new[name]:
            yield Difference("setting", f"{name}: files of its image", old[name], new[name])


def _variables(before: Ran, after: Ran) -> Iterator[Difference]:
    old, new = environment.masked(dict(before.variables)), environment.masked(dict(after.variables))
    for name in sorted({*old, *new}):
        if before.variables.get(name) != after.variables.get(name):
            covered = any(shown.get(name) != clear.get(name)
                          for shown, clear in ((old, before.variables), (new, after.variables)))
            yield Difference("variable", name, old.get(name), new.get(name), covered)


def _plain(kind: Literal["port", "image"], old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Difference]:
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield Difference(kind, name, old.get(name), new.get(name))


def _ports(kept: list[list]) -> dict[str, str]:
    """What revisions keep of their ports, by name. Those kept before there was a protocol beside them are of TCP."""
    named = {}
    for service, instance, inner, outer, *protocol in kept:
        name = f"{service}:{inner}" if instance == 1 else f"{service}.{instance}:{inner}"
        named[f"{name}/udp" if protocol == ["udp"] else name] = str(outer)
    return named


def _said(value: Any, key: str = "") -> str | None:
    """A value of a definition as one line; what looks like a secret is masked."""
    if value is None or value == "" or value == []:
        return None
    if is_secret(key):
        return MASK
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_said(one, name)}" for name, one in value.items() if _said(one, name) is not None)
    if isinstance(value, list):
        return ", ".join(text for one in value if (text := _said(one)) is not None)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return without_credentials(str(value))
