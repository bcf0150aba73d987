"""Makes commands that Hub takes for the Dagger CLI."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from projects.tests.engines.dagger.double import Options

CODE_ROOT = Path(__file__).resolve().parents[4]
STARTED = "session-started"


def double_cli(folder: Path, **options) -> Path:
    """A CLI behind which the double answers; see its `Options`."""
    word = shlex.quote(Options(**options).to_word())
    return script(folder, f"PYTHONPATH={shlex.quote(str(CODE_ROOT))} exec {shlex.quote(sys.executable)} -m "
                          f'projects.tests.engines.dagger.double {word} "$@"')


def script(folder: Path, session: str, version: str = "echo dagger v0.0.0-double") -> Path:
    """A CLI that does this for `dagger session`, and that for `dagger version`, in the words of a shell. A file beside
    it, `STARTED`, is as old as its last session."""
    path = folder / "dagger"
    path.write_text("\n".join([
        "#!/bin/sh", 'if [ "$1" = version ]; then', version, "exit", "fi",
        f': > "$(dirname "$0")/{STARTED}"', session, "",
    ]))
    path.chmod(0o755)
    return path
