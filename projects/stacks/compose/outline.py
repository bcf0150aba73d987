"""A Compose stack read without Docker: enough of it to say which services and ports there are, and what is wrong.

What runs is always what `docker compose config` makes of the files; this reading serves where that cannot be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from projects.stacks.compose.source import Source, Tagged, read_source
from projects.stacks.compose.variables import Unset, interpolate
from projects.stacks.spec import StackError
from projects.stacks.textfile import line_error

MAX_DEPTH = 10
# Lists of these keys are put together, all others of a later file replace those before.
APPENDED = ("ports", "expose", "volumes", "dns", "tmpfs", "env_file", "secrets", "configs")


def outline(sources: list[Source], variables: Mapping[str, str],
            missing: Callable[[str, Source, tuple], object] | None = None) -> dict[str, Any]:
    """The content of the files put together: later ones win, includes and extends are followed, variables filled in,
    services of profiles that are not active left out. StackError with a line for what cannot be."""
    reading = _Outline(variables, missing)
    merged: dict[str, Any] = {}
    for source in sources:
        merged = merge(merged, reading.file(source, 0))
    active = {name.strip() for name in variables.get("COMPOSE_PROFILES", "").split(",") if name.strip()}
    services = {
        name: service for name, service in (merged.get("services") or {}).items()
        if not (profiles := service.get("profiles") or []) or active & set(profiles) or "*" in active
    }
    return {**merged, "services": services}


def merge(below: Any, above: Any, key: str = "") -> Any:
    """One value over another, as Compose does it for files that are put together."""
    if isinstance(above, Tagged):
        return above.value if above.tag == "!override" else None
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{name: merge(below.get(name), value, name) for name, value in above.items()}}
    if isinstance(below, list) and isinstance(above, list) and key in APPENDED:
        return [*below, *(item for item in above if item not in below)]
    if isinstance(above, dict):
        return {name: merge(None, value, name) for name, value in above.items()}
    return below if above is None else above


class _Outline:
    def __init__(self, variables: Mapping[str, str], missing: Callable[[str, Source, tuple], object] | None):
        self.variables, self.missing = variables, missing

    def file(self, source: Source, depth: int) -> dict[str, Any]:
        if depth > MAX_DEPTH:
            raise line_error(source.path, 1, "its includes never end.")
        content = self._filled(source.content, source, ())
        services = content.get("services")
        if services is not None and not isinstance(services, dict):
            raise line_error(source.path, source.line("services") or 1, "services must be a mapping.")
        for name, service in (services or {}).items():
            if not isinstance(service, dict):
                raise line_error(source.path, source.line("services", name) or 1, f"{name} must be a mapping.",
                                 "Does it have an image, or is its indentation wrong?")
        merged: dict[str, Any] = {}
        for entry in content.get("include") or []:
            for path in _paths(entry):
                merged = merge(merged, self.file(read_source(source.path.parent / path), depth + 1))
        content["services"] = {name: self._extended(name, content, source, depth) for name in services or {}}
        return merge(merged, content)

    def _extended(self, name: str, content: dict[str, Any], source: Source, depth: int) -> dict[str, Any]:
        service = dict(content["services"][name])
        extends = service.pop("extends", None)
        if not extends:
            return service
        line = source.line("services", name, "extends") or 1
        if depth > MAX_DEPTH:
            raise line_error(source.path, line, f"{name} extends itself.")
        base, file = (extends, None) if isinstance(extends, str) else (extends.get("service"), extends.get("file"))
        other, where = (content, source) if not file else (None, read_source(source.path.parent / str(file)))
        if other is None:
            other = self._filled(where.content, where, ())
        if base not in (other.get("services") or {}):
            raise line_error(source.path, line, f"{name} extends {base}, which {where.path.name} does not have.")
        below = self._extended(str(base), other, where, depth + 1)
        for key in ("depends_on", "links", "volumes_from"):
            below.pop(key, None)
        return merge(below, service)

    def _filled(self, value: Any, source: Source, place: tuple) -> Any:
        if isinstance(value, str) and "$" in value:
            try:
                return interpolate(value, self.variables.get, lambda name: self._unset(name, source, place))
            except Unset as error:
                raise StackError(f"{source.path.name}, line {source.line(*place) or 1}: {error.message[0].lower()}"
                                 f"{error.message[1:]}", file=source.path, line=source.line(*place),
                                 hint=error.hint) from None
        if isinstance(value, Tagged):
            return Tagged(value.tag, self._filled(value.value, source, place))
        if isinstance(value, dict):
            return {name: self._filled(child, source, (*place, name)) for name, child in value.items()}
        if isinstance(value, list):
            return [self._filled(child, source, (*place, number)) for number, child in enumerate(value)]
        return value

    def _unset(self, name: str, source: Source, place: tuple) -> None:
        if self.missing is not None:
            self.missing(name, source, place)


def _paths(entry: Any) -> list[Path]:
    found = entry.get("path") if isinstance(entry, dict) else entry
    return [Path(path) for path in (found if isinstance(found, list) else [found]) if isinstance(path, str)]
