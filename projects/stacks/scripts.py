"""Whether a process of a Procfile reads its port itself, though its command does not mention it.

Foreman and honcho set PORT for every process, so many Procfiles say only `api: python api.py`. Hub leases a port, and
waits until it answers, only where somebody listens: the script that the command runs says whether that is so.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from projects.stacks.spec import StackError
from projects.stacks.textfile import read_text

_BETWEEN_WORDS = re.compile(r"[\s'\"`;&|()<>]+")
_CHANGED_TO = re.compile(r"(?:^|[\s;&|('\"])cd\s+([^\s'\";&|()]+)")
_MODULE = re.compile(r"(?:^|\s)-m\s+(\w+(?:\.\w+)*)")


def reads_variable(text: str, *names: str) -> bool:
    """Whether a program's text reads one of these variables of its environment: `$PORT` and `${PORT...}` of a shell,
    `env.PORT` of JavaScript, or the name as a text of its own, as in `os.environ["PORT"]` and `ENV.fetch('PORT')`."""
    return bool(_reading(names).search(text))


def script_of(folder: Path, command: str) -> Path | None:
    """The first file of `folder` that the command names, as in `python api.py`, `python -m shop`,
    `cd front && node server.js`; None when it names none. What leads out of the folder counts for nothing."""
    top = folder.resolve()
    bases = [top.joinpath(*_CHANGED_TO.findall(command)), top]
    named = [Path(word) for word in _BETWEEN_WORDS.split(command) if word and not word.startswith(("-", "$"))]
    if module := _MODULE.search(command):
        inner = Path(*module[1].split("."))
        named = [inner.with_suffix(".py"), inner / "__main__.py", *named]
    for path in (base / one for one in named for base in bases):
        try:
            found = path.resolve()
            if found.is_file() and found.is_relative_to(top):
                return found
        except (OSError, RuntimeError):  # a word that can be no path: too long, or links that go round
            continue
    return None


def reads_port(folder: Path, command: str, *names: str) -> bool:
    """Whether the script that the command runs reads one of these variables. What is no text reads nothing."""
    script = script_of(folder, command)
    if script is None:
        return False
    try:
        return reads_variable(read_text(script), *names)
    except StackError:
        return False


@cache
def _reading(names: tuple[str, ...]) -> re.Pattern[str]:
    name = f"(?:{'|'.join(map(re.escape, names))})"
    return re.compile(rf"""\$\{{?{name}\b|\benv\.{name}\b|(["']){name}\1""")
