"""The stacks that come with Hub, ready to be added as projects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from projects.stacks import detect
from projects.stacks.spec import StackError


@dataclass(frozen=True, slots=True)
class Example:
    """A stack in `examples/`: `summary` is the first sentence of its README, `services` are their names."""

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
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not path.is_dir():
            continue
        try:
            definition = detect.read(path)
        except StackError:
            continue
        found.append(Example(path.name, path, _summary(path / "README.md"),
                             tuple(service.name for service in definition.services)))
    return tuple(found)


def _summary(readme: Path) -> str:
    """The first sentence of the first paragraph under the title."""
    if not readme.is_file():
        return ""
    paragraphs = [" ".join(part.split()) for part in readme.read_text(encoding="utf-8").split("\n\n")]
    text = next((part for part in paragraphs if part and part[0].isalpha()), "")
    return text.partition(". ")[0].rstrip(":. ") + "." if text else ""
