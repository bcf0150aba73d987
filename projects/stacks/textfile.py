"""Reading the small text files that define a stack: whole, checked, and split into numbered lines."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from projects.stacks.spec import StackError

MAX_BYTES = 1_000_000
"""A larger file is no Procfile or .env; reading it would only cost memory."""

BLANKS = " \t\f\v"
"""White space inside a line. Narrower than `str.strip()`: a no-break space pasted into a name is an error, not air."""

_LINE_BREAK = re.compile(r"\r\n|\n|\r")


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without its byte order mark.

    StackError when it is missing, a folder, a pipe or device (which could block for ever), unreadable,
    over `MAX_BYTES`, not UTF-8, or holds NUL bytes.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise StackError(f"{path.name} is a folder, not a file.", file=path, code="unreadable",
                             hint=f"Replace {path} by a text file.")
        if not stat.S_ISREG(mode):
            raise StackError(f"{path.name} is not a regular file.", file=path, code="unreadable",
                             hint=f"Replace {path} by a text file.")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise StackError(f"{path.name} does not exist in {path.parent}.", file=path, code="missing",
                         hint="If it is a symbolic link, its target is gone." if path.is_symlink() else "") from None
    except OSError as error:
        raise StackError(f"{path.name} cannot be read: {os.strerror(error.errno or 0)}.", file=path,
                         code="unreadable", hint=f"Let the user that runs Hub read {path}.") from error
    if len(data) > MAX_BYTES:
        raise StackError(f"{path.name} is larger than 1 MB.", file=path, hint="Is it really the file you meant?")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = line_number(data[: error.start].decode("utf-8", "replace"))
        raise line_error(path, number, "the text is not UTF-8.", "Save the file in the encoding UTF-8.") from None
    if "\0" in text:
        raise line_error(path, line_number(text[: text.index("\0")]), "there is a NUL byte.",
                         "Save the file as plain text in the encoding UTF-8.")
    return text


def numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    """`(number from 1, line)` of each line that is not blank, without the white space around it.

    Lines end with LF, CRLF or CR; other Unicode line separators are text.
    """
    for number, line in enumerate(_LINE_BREAK.split(text), start=1):
        if stripped := line.strip(BLANKS):
            yield number, stripped


def line_number(text_before: str) -> int:
    """The number of the line on which `text_before` ends."""
    return len(_LINE_BREAK.findall(text_before)) + 1


def line_error(file: Path | None, line: int, what: str, hint: str = "") -> StackError:
    """A StackError whose message begins with file and line: "Procfile, line 3: ..."."""
    return StackError(f"{file.name if file else 'Text'}, line {line}: {what}", file=file, line=line, hint=hint)
