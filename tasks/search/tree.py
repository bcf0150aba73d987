"""A query as a tree.

    query   = [ any ]
    any     = all { "OR" all }
    all     = one { [ "AND" ] one }
    one     = "-" one | "(" any ")" | word | word"*" | '"' words '"' | qualifier ":" value
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.search.errors import BadQuery
from tasks.search.tokens import WHAT, Token, tokens

DEEPEST = 10


@dataclass(frozen=True, slots=True)
class Text:
    """Words side by side; `prefix`: the last one is the beginning of a word."""

    text: str
    prefix: bool
    position: int


@dataclass(frozen=True, slots=True)
class Qualifier:
    """`name:value`; `at` is the place of the value."""

    name: str
    value: str
    position: int
    at: int


@dataclass(frozen=True, slots=True)
class Not:
    part: Node


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Any:
    parts: tuple[Node, ...]


Node = Text | Qualifier | Not | All | Any


def parse(query: str) -> Node | None:
    """The tree of a query, None for an empty one. Raises BadQuery."""
    reader = _Reader(tokens(query))
    if reader.token.kind == "end":
        return None
    tree = reader.any(0)
    if reader.token.kind != "end":
        raise BadQuery("There is a ) too many.", reader.token.position, f"the end, or {WHAT}")
    return tree


class _Reader:
    def __init__(self, source: Iterator[Token]):
        self._source = source
        self.token = next(source)

    def any(self, depth: int) -> Node:
        parts = [self.all(depth)]
        while self.token.kind == "or":
            self._advance()
            parts.append(self.all(depth))
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def all(self, depth: int) -> Node:
        parts = [self.one(depth)]
        while self.token.kind not in ("or", "close", "end"):
            if self.token.kind == "and":
                self._advance()
            parts.append(self.one(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def one(self, depth: int) -> Node:
        token = self.token
        if depth > DEEPEST:
            raise BadQuery("The query is nested too deeply.", token.position, f"at most {DEEPEST} levels")
        if token.kind == "minus":
            self._advance()
            return Not(self.one(depth + 1))
        if token.kind == "open":
            self._advance()
            inner = self.any(depth + 1)
            if self.token.kind != "close":
                raise BadQuery("A parenthesis is not closed.", self.token.position, "a closing )")
            self._advance()
            return inner
        if token.kind in ("word", "phrase"):
            self._advance()
            prefix = token.kind == "word" and token.text.endswith("*")
            return Text(token.text.rstrip("*") if prefix else token.text, prefix, token.position)
        if token.kind == "qualifier":
            self._advance()
            return Qualifier(token.text, token.value, token.position, token.at)
        said = {"end": "Something is missing at the end."}.get(token.kind, f"There is nothing before “{token.text}”.")
        raise BadQuery(said, token.position, WHAT)

    def _advance(self) -> None:
        self.token = next(self._source)
