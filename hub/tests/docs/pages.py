"""The pages of the documentation, and what stands in them: blocks of code, links, words in code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hub.env import ROOT

# `sh` is run by hub/tests/system/test_follow_the_docs.py; of the others only what they name is looked at.
LANGUAGES = {"sh", "text", "ini", "env", "procfile", "python", "yaml", "json", "promql", "svg"}
FENCE = re.compile(r"^( *)```([^\n`]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")
SOURCE = re.compile(r"(?:src|srcset)=\"([^\"]+)\"")
HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One block of code between fences. `line`: where its fence stands, from 1."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> list[str]:
        """Its lines, without comments and empty ones; a line that goes on after `\\` is one."""
        joined = self.text.replace("\\\n", " ")
        lines = (re.sub(r"(^|\s+)#.*$", "", line).strip() for line in joined.splitlines())
        return [line for line in lines if line]


@cache
def pages() -> dict[str, str]:
    """The text of every page, by its path in the repository."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")),
             *sorted((ROOT / "examples").rglob("README.md"))]
    return {str(path.relative_to(ROOT)): path.read_text() for path in found}


def blocks(page: str) -> list[Block]:
    """The blocks of a page, in their order."""
    text = pages()[page]
    return [Block(page, text.count("\n", 0, match.start()) + 1, match[2].strip(), _dedented(match[3], match[1]))
            for match in FENCE.finditer(text)]


def _dedented(text: str, indent: str) -> str:
    return "".join(line.removeprefix(indent) for line in text.splitlines(keepends=True))


def prose(page: str) -> str:
    """A page without its blocks."""
    return FENCE.sub("", pages()[page])


def words_in_code(page: str) -> list[str]:
    """What stands between single backticks."""
    return [" ".join(word.split()) for word in re.findall(r"`([^`]+)`", prose(page))]


def links(page: str) -> list[str]:
    """Where links and images of a page lead, as they are written."""
    text = prose(page)
    return [match[2] for match in LINK.finditer(text)] + SOURCE.findall(text)


def images(page: str) -> list[Path]:
    """The files of the images that a page shows."""
    text = prose(page)
    shown = [match[2] for match in LINK.finditer(text) if match[1]] + SOURCE.findall(text)
    return [(ROOT / page).parent.joinpath(one).resolve() for one in shown]


def anchors(page: str) -> set[str]:
    """The names of its headings, as GitHub makes them."""
    made: list[str] = []
    for heading in HEADING.findall(prose(page)):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        made.append(name if name not in made else f"{name}-{made.count(name)}")
    return set(made)
