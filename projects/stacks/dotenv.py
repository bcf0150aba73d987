r"""Reading a `.env` file: `NAME=value` lines, by Foreman's rules, kind where they are lax, exact where they drop.

- A value is what stands between `=` and the end of the line, without the white space around it.
- `'...'` is literal. `"..."` knows `\n` and `\t`, and `\` before `"`, `\`, `$`, `'` and a backtick; any other
  backslash stays as it is. Quotes count only when they open the value, so `{"a": 1}` and `it's` stay as written;
  text after the closing quote is an error, because foreman and honcho read it in two different ways.
- A value ends with its line: neither foreman nor honcho reads quoted values over several lines. An open quote is an
  error with its line; line breaks are written `\n` in double quotes.
- `$NAME` in a value stays as written: neither foreman nor honcho puts other variables in.
- `#` begins a comment at the start of a line, or after white space outside quotes.
- `export NAME=value`, spaces around `=`, indentation, CRLF and a byte order mark are read.
- A name set twice has its last value. An empty value is an empty string.

Messages never repeat what stands in the file: it may be a secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from projects.stacks.spec import StackError
from projects.stacks.textfile import BLANKS, line_error, numbered_lines, read_text

_ASSIGNMENT = re.compile(r"(?:export[ \t]+(?=[^ \t=]))?(?P<name>[^=]*?)[ \t]*=(?P<value>.*)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)
_ESCAPE = re.compile(r"""\\([nt"\\$'`])""")
_ESCAPED = {"n": "\n", "t": "\t"}
_REST_OF_LINE = re.compile(r"[ \t\f\v]*(?:(?<=[ \t\f\v])#.*)?", re.DOTALL)
# A quoted stretch inside an unquoted value hides a "#"; the apostrophe of "it's" opens none.
_UNQUOTED = re.compile(r"""(?P<quoted>"[^"]*"|(?<!\w)'[^']*')|(?P<comment>[ \t\f\v]#)|.""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Dotenv:
    """What a `.env` file sets. `lines`: the line of each name's value; `file` is None when there is no file."""

    values: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    file: Path | None = None


def read(path: Path) -> Dotenv:
    """The variables in the file `path`; none when it does not exist. StackError with the line when it is invalid."""
    if not path.is_symlink() and not path.exists():
        return Dotenv()
    return parse(read_text(path), path)


def parse(text: str, file: Path | None = None) -> Dotenv:
    """The variables in `text`, in the order of their first mention. StackError with the line when it is invalid."""
    result = Dotenv(file=file)
    for number, line in numbered_lines(text.removeprefix("\ufeff")):
        if line.startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(line)
        if match is None:
            raise line_error(file, number, 'there is no "=".',
                             "Write NAME=value, or # before a comment. A value cannot go on over several lines.")
        name = match["name"]
        if not _NAME.fullmatch(name):
            raise line_error(file, number, 'the name before "=" is not valid.',
                             "A name has letters, digits and _, and does not begin with a digit.")
        result.values[name] = _value(match["value"], file, number)
        result.lines[name] = number
    return result


def _value(raw: str, file: Path | None, number: int) -> str:
    value = raw.lstrip(BLANKS)
    if value[:1] not in ("'", '"'):
        return _without_comment(raw).strip(BLANKS)
    match = (_SINGLE if value[0] == "'" else _DOUBLE).match(value)
    if match is None:
        raise _open_quote(file, number)
    if not _REST_OF_LINE.fullmatch(value, match.end()):
        raise line_error(file, number, "there is text after the closing quote.",
                         "Put the whole value in one pair of quotes, and a space before a comment.")
    if value[0] == "'":
        return match[1]
    return _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), match[1])


def _open_quote(file: Path | None, number: int) -> StackError:
    return line_error(file, number, "the quote is not closed on this line.",
                      r'Close it; a value of several lines is written with \n in double quotes: "one\ntwo".')


def _without_comment(value: str) -> str:
    for token in _UNQUOTED.finditer(value):
        if token["comment"]:
            return value[: token.start()]
    return value
