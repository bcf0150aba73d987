r"""Variables of a Compose stack: its `.env`, by Compose's rules, and `${NAME}` in its file.

Compose reads a `.env` otherwise than Foreman does: values in double quotes and bare ones may name other variables,
quoted values may go over several lines, and a `#` after white space ends a bare value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from projects.stacks.spec import StackError
from projects.stacks.textfile import line_error, line_number, read_text

_ASSIGNMENT = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.\-\[\]]*)[ \t]*(?:[=:][ \t]*|(?=\r?\n|\r|$))")
_BLANK = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n|$)")
_BARE = re.compile(r"[^\r\n]*")
_REST = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?=\r\n|\r|\n|$)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
# `$$`, `$NAME`, or `${NAME}` with what may stand behind the name; of several levels the braces are counted by hand.
_DOLLAR = re.compile(r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_]\w*)|(?P<brace>\{))")
_INNER = re.compile(r"(?P<name>[A-Za-z_]\w*)(?:(?P<how>:?[-?+])(?P<word>.*))?\Z", re.DOTALL)
MAX_DEPTH = 20


def read_env(path: Path, outer: Mapping[str, str]) -> dict[str, str]:
    """The variables of a `.env`, empty when there is none. `outer` wins, also within values. StackError with line."""
    if not path.exists():
        return {}
    return parse_env(read_text(path), outer, path)


def parse_env(text: str, outer: Mapping[str, str], path: Path | None = None) -> dict[str, str]:
    """See `read_env`. Messages never repeat a value: it may be a secret."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        if blank := _BLANK.match(text, position):
            position = blank.end() if blank.end() > position else len(text)
            continue
        begin = _ASSIGNMENT.match(text, position)
        if begin is None:
            raise line_error(path, line_number(text[:position]), "there is no NAME=value.",
                             "A comment begins with #.")
        name, position = begin[1], begin.end()
        known = {**found, **outer}
        if not begin[0].rstrip(" \t").endswith(("=", ":")):
            # A name alone takes its value from outside, where there is one.
            continue
        value, position = _value(text, position, known, path)
        found[name] = value
    return {**found, **{name: outer[name] for name in found if name in outer}}


def _value(text: str, position: int, known: Mapping[str, str], path: Path | None) -> tuple[str, int]:
    quote = text[position : position + 1]
    if quote not in ("'", '"'):
        bare = _BARE.match(text, position)
        value = re.split(r"(?:^|[ \t])#", bare[0], maxsplit=1)[0].strip(" \t")
        return interpolate(value, known.get), bare.end()
    end = position + 1
    while end < len(text) and text[end] != quote:
        end += 2 if text[end] == "\\" else 1
    if end >= len(text):
        raise line_error(path, line_number(text[:position]), "a quote is opened, but not closed.")
    inner = text[position + 1 : end]
    rest = _REST.match(text, end + 1)
    if rest is None:
        raise line_error(path, line_number(text[:end]), "there is text after the closing quote.")
    if quote == "'":
        return inner.replace("\\'", "'"), rest.end()
    plain = re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0] if match[1] == "$" else match[1]), inner,
                   flags=re.DOTALL)
    return interpolate(plain.replace("\\$", "$$"), known.get), rest.end()


class Unset(StackError):
    """A variable that must be set, `${NAME:?why}`, is not."""

    def __init__(self, name: str, why: str):
        super().__init__(f"The variable {name} is not set{': ' + why if why else ''}.",
                         hint=f"Set {name} in the project's environment or in its .env.")
        self.name = name


def interpolate(text: str, value_of: Callable[[str], str | None], missing: Callable[[str], object] | None = None,
                depth: int = 0) -> str:
    """Replace `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:?error}` and `${NAME:+instead}`; `$$` is a dollar sign.

    `missing` is called with each name that has neither a value nor a default. `Unset` where an error is asked for.
    """
    pieces, position = [], 0
    while (match := _DOLLAR.search(text, position)) is not None:
        pieces.append(text[position : match.start()])
        position = match.end()
        if match["escaped"]:
            pieces.append("$")
        elif match["plain"]:
            pieces.append(_plain(match["plain"], value_of, missing))
        else:
            end = _closing(text, position)
            inner = _INNER.match(text[position:end]) if end is not None else None
            if inner is None or depth > MAX_DEPTH:
                pieces.append(match[0])
                continue
            pieces.append(_braced(inner, value_of, missing, depth))
            position = end + 1
    return "".join([*pieces, text[position:]])


def _plain(name: str, value_of: Callable[[str], str | None], missing: Callable[[str], object] | None) -> str:
    value = value_of(name)
    if value is None and missing is not None:
        missing(name)
    return value or ""


def _closing(text: str, position: int) -> int | None:
    depth = 1
    for index in range(position, len(text)):
        if text[index] == "{" and text[index - 1] == "$":
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
    return None


def _braced(inner: re.Match[str], value_of: Callable[[str], str | None], missing: Callable[[str], object] | None,
            depth: int) -> str:
    name, how, word = inner["name"], inner["how"] or "", inner["word"] or ""
    if not how:
        return _plain(name, value_of, missing)
    value = value_of(name)
    has = bool(value) if how.startswith(":") else value is not None
    if how.endswith("+"):
        return interpolate(word, value_of, missing, depth + 1) if has else ""
    if has:
        return value or ""
    word = interpolate(word, value_of, missing, depth + 1)
    if how.endswith("?"):
        raise Unset(name, word)
    return word
