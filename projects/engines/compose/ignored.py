"""What a build leaves out of its context, as its `.dockerignore` says."""

from __future__ import annotations

from pathlib import Path

FILENAME = ".dockerignore"


def ignored(context: Path, dockerfile: str) -> list[str]:
    """The patterns of the files that are not to be read from a context, in order; later ones count more.

    `<dockerfile>.dockerignore` counts in the place of `.dockerignore`, as it does for Docker. The Dockerfile itself is
    always read: Docker reads it beside the context. OSError when the file is there and cannot be read.
    """
    for name in (f"{dockerfile}{FILENAME}", FILENAME):
        file = context / name
        if file.is_file():
            break
    else:
        return []
    patterns = []
    for line in file.read_text(encoding="utf-8-sig", errors="replace").splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        negated = line.startswith("!")
        path = line.lstrip("!").strip().strip("/")
        if path and path != ".":
            patterns.append(f"!{path}" if negated else path)
    return [*patterns, f"!{dockerfile}"] if patterns else []
