"""Templates can be read, and a change of one is seen line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

TEMPLATES = Path(__file__).resolve().parent.parent.parent / "templates"
LONGEST = 160
FILES = sorted(path for path in TEMPLATES.rglob("*.html") if path.relative_to(TEMPLATES).parts[0] != "tasks")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_no_line_is_too_long_to_read(path: Path):
    lines = path.read_text().splitlines()
    assert lines
    assert [number for number, line in enumerate(lines, 1) if len(line) > LONGEST] == []
