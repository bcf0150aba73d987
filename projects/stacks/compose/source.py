"""A Compose file as YAML: plain values, and the line on which each stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from projects.stacks.spec import StackError
from projects.stacks.textfile import line_error, read_text

MAX_NODES = 100_000
"""More values than any Compose file has, but not those that aliases of aliases could multiply."""

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value under Compose's own tag `!override` or `!reset`: it replaces what stands in the files before."""

    tag: str
    value: Any


@dataclass(slots=True)
class Source:
    """One file. `content` is its mapping; `lines` the line of each place, such as `("services", "web", "ports", 0)`."""

    path: Path
    content: dict[str, Any] = field(default_factory=dict)
    lines: dict[Place, int] = field(default_factory=dict)

    def line(self, *place: str | int) -> int | None:
        """The line of a place, or of the nearest one around it; None when nothing of it is here."""
        for length in range(len(place), 0, -1):
            if (line := self.lines.get(place[:length])) is not None:
                return line
        return None


def read_source(path: Path) -> Source:
    """The file at `path`. StackError with its line when it is not YAML, or no mapping."""
    text = read_text(path)
    try:
        documents = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = (error.problem or error.context or "it is not YAML").strip()
        raise line_error(path, mark.line + 1 if mark else 1, f"{what}.",
                         "Check the indentation and the quotes around this line.") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise StackError(f"{path.name} is not YAML: {str(error)[:200]}.", file=path) from None
    source = Source(path)
    root = documents[0] if documents else None
    if root is None:
        raise StackError(f"{path.name} is empty.", file=path, hint="It needs services.")
    if not isinstance(root, yaml.MappingNode):
        raise line_error(path, root.start_mark.line + 1, "a Compose file begins with a key such as services.")
    source.content = _Reading(source).value(root, ())
    return source


class _Reading:
    def __init__(self, source: Source):
        self.source, self.count = source, 0
        self.constructor = yaml.constructor.SafeConstructor()

    def value(self, node: yaml.Node, place: Place) -> Any:
        self.count += 1
        if self.count > MAX_NODES or len(place) > 100:
            raise StackError(f"{self.source.path.name} has too many values.", file=self.source.path,
                             hint="Do its aliases refer to each other?")
        self.source.lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            value: Any = self._mapping(node, place)
        elif isinstance(node, yaml.SequenceNode):
            value = [self.value(item, (*place, number)) for number, item in enumerate(node.value)]
        else:
            value = self._scalar(node)
        if node.tag in ("!override", "!reset"):
            return Tagged(node.tag, value)
        return value

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key, child in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                for base in child.value if isinstance(child, yaml.SequenceNode) else [child]:
                    value = self.value(base, place)
                    merged = {**(value if isinstance(value, dict) else {}), **merged}
                continue
            name = str(key.value)
            if name in own:
                raise line_error(self.source.path, key.start_mark.line + 1, f"the key {name} stands here twice.",
                                 "Remove one of them.")
            self.source.lines[(*place, name)] = key.start_mark.line + 1
            own[name] = self.value(child, (*place, name))
        return {**merged, **own}

    def _scalar(self, node: yaml.Node) -> Any:
        tag = node.tag
        if tag in ("!override", "!reset"):
            return None if node.value in ("", "null", "~") else node.value
        # Compose reads YAML 1.2: dates, `yes` and 22:22 are text.
        known = tag.removeprefix("tag:yaml.org,2002:") in ("int", "float", "bool", "null")
        if not known or ":" in node.value or node.value.lower() in ("yes", "no", "on", "off"):
            return node.value
        try:
            return self.constructor.construct_object(node)
        except (yaml.YAMLError, ValueError):
            return node.value
