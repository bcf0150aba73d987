"""The pieces of a query, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.search.errors import BadQuery

LONGEST = 1000
MOST = 100
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
NAME = re.compile(r"([A-Za-z_]+):(?!:)")
BARE = re.compile(r'[^\s()"]+')
WHAT = "words, “phrases”, or a qualifier such as state:failed"


@dataclass(frozen=True, slots=True)
class Token:
    """`kind`: open, close, minus, or, and, word, phrase, qualifier (`text` is its name, `value` what follows the colon,
    `at` the place of that), or end."""

    kind: str
    text: str
    position: int
    value: str = ""
    at: int = 0


def tokens(query: str) -> Iterator[Token]:
    """The tokens of a query, `end` last. Raises BadQuery."""
    if len(query) > LONGEST:
        raise BadQuery(f"The query has {len(query):,} characters.", LONGEST, f"its end, for {LONGEST:,} is the limit")
    if found := CONTROL.search(query):
        raise BadQuery("There is a control character.", found.start(), WHAT)
    place, count = 0, 0
    while place < len(query):
        if query[place].isspace():
            place += 1
            continue
        count += 1
        if count > MOST:
            raise BadQuery("The query has too many parts.", place, f"its end, for {MOST} parts are the limit")
        token, place = _next(query, place)
        yield token
    yield Token("end", "", len(query))


def _next(query: str, place: int) -> tuple[Token, int]:
    char = query[place]
    if char in "()":
        return Token("open" if char == "(" else "close", char, place), place + 1
    if char == "-":
        return Token("minus", char, place), place + 1
    if char == '"':
        text, end = _quoted(query, place)
        return Token("phrase", text, place), end
    if name := NAME.match(query, place):
        return _qualifier(query, place, name[1], name.end())
    bare = BARE.match(query, place)
    text = bare[0]
    kind = {"OR": "or", "AND": "and"}.get(text, "word")
    return Token(kind, text, place), bare.end()


def _qualifier(query: str, place: int, name: str, at: int) -> tuple[Token, int]:
    if query.startswith('"', at):
        value, end = _quoted(query, at)
    else:
        bare = BARE.match(query, at)
        value, end = (bare[0], bare.end()) if bare else ("", at)
    return Token("qualifier", name.lower(), place, value, at), end


def _quoted(query: str, place: int) -> tuple[str, int]:
    end = query.find('"', place + 1)
    if end < 0:
        raise BadQuery("A quotation mark is not closed.", len(query), 'a closing "')
    return query[place + 1 : end], end + 1
