"""The stacks that come with Hub, ready to be added as projects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from projects.stacks import detect
from projects.stacks.spec import StackError

_ROW = re.compile(r"^\| \[`([\w-]+)`\]\([^)]*\) \| (.+?) \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Example:
    """A stack in `examples/`: `summary` is what the README beside it says of it, `services` are their names."""

    name: str
    path: Path
    summary: str
    services: tuple[str, ...]


def examples() -> tuple[Example, ...]:
    """The examples that can be read, by name; none where the folder is missing."""
    return _examples(settings.HUB_EXAMPLES)


@lru_cache(maxsize=4)
def _examples(folder: Path) -> tuple[Example, ...]:
    found = []
    summaries = _summaries(folder)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not path.is_dir():
            continue
        try:
            definition = detect.read(path)
        except StackError:
            continue
        services = tuple(service.name for service in definition.services)
        found.append(Example(path.name, path, summaries.get(path.name, ""), services))
    return tuple(found)


def _summaries(folder: Path) -> dict[str, str]:
    """What the table in the examples' README says of each: `| [`hello`](hello/) | the smallest stack |`."""
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    return {name: words[:1].upper() + words[1:].replace("`", "") for name, words in _ROW.findall(text)}
