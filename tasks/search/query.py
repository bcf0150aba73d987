"""A query as the databases understand it: words for the documents, conditions for the columns."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from tasks.search import matching
from tasks.search.errors import BadQuery
from tasks.search.qualifiers import KINDS, NAME, NAMES, Kind
from tasks.search.tree import All, Any, Node, Not, Qualifier, Text, parse
from tasks.search.words import words

Near = Callable[[Sequence[uuid.UUID]], Q]


@dataclass(frozen=True, slots=True)
class Query:
    """Tasks that meet `where`, and whose documents match `text` where that is not empty.

    `worded`: documents have to be looked at. `said` is what was asked for, as it was written. `shown`: the words and
    beginnings of words that are looked for, to be marked in what is found.
    """

    text: str = ""
    where: Q = field(default_factory=Q)
    shown: tuple[str, ...] = ()
    worded: bool = False
    said: str = ""
    near: Near | None = None

    def among(self, keys: Sequence[uuid.UUID]) -> Q:
        """What these tasks meet when they meet `where`; others may or may not. Cheaper, for only their documents are
        looked at."""
        return self.where if self.near is None else self.near(keys)

    def narrowed(self, kind: Kind, value: str, now: datetime) -> Query:
        """The same for tasks that meet this qualifier, too. Raises BadQuery."""
        more, near = kind.read(value, 0, now), (kind.near or kind.read)(value, 0, now)
        return replace(self, where=self.where & more, near=lambda keys: self.among(keys) & near,
                       said=" ".join(filter(None, (self.said, f"{kind.name}:{value}"))))


def read(text: str, now: datetime | None = None) -> Query:
    """What a query of the grammar asks for. Raises BadQuery."""
    tree = parse(text)
    if tree is None:
        return Query()
    now = now or timezone.now()
    query = replace(_Compiler(now).query(tree), said=text.strip())
    return query if query.text else replace(query, near=lambda keys: _Compiler(now, keys).query(tree).where)


class _Compiler:
    """`keys`: the condition is for these tasks alone."""

    def __init__(self, now: datetime, keys: Sequence[uuid.UUID] | None = None):
        self._now = now
        self._keys = keys
        self._dialect = matching.dialect()
        self._shown: list[str] = []
        self._worded = False

    def query(self, tree: Node) -> Query:
        parts = _flat(tree)
        textual = [part for part in parts if _is_text(part)]
        where = Q()
        for part in parts:
            if not _is_text(part):
                where &= self._where(part)
        if not textual:
            return Query(where=where, shown=tuple(self._shown), worded=self._worded)
        found, negated = self._text(All(tuple(textual)))
        if negated:
            return Query(where=where & ~self._matches(found), worded=True)
        return Query(found, where, tuple(dict.fromkeys(self._shown)), worded=True)

    def _matches(self, found: str) -> Q:
        if self._keys is None:
            return matching.matches(found)
        return Q(pk__in=self._dialect.between(found, self._keys[0], self._keys[-1]))

    def _where(self, node: Node) -> Q:
        if _is_text(node):
            found, negated = self._text(node)
            return ~self._matches(found) if negated else self._matches(found)
        if isinstance(node, Not):
            return ~self._where(node.part)
        if isinstance(node, All | Any):
            condition = Q()
            for part in node.parts:
                condition = condition & self._where(part) if isinstance(node, All) else condition | self._where(part)
            return condition
        kind = KINDS[_known(node)]
        return (kind.near if kind.near and self._keys else kind.read)(node.value, node.at, self._now)

    def _text(self, node: Node) -> tuple[str, bool]:
        """The words in the database's language, and whether that is what must not match: neither finds documents by
        what they do not hold."""
        self._worded = True
        if isinstance(node, Not):
            found, negated = self._text(node.part)
            return found, not negated
        if isinstance(node, All | Any):
            found = [self._text(part) for part in node.parts]
            return self._joined([text for text, negated in found if not negated],
                                [text for text, negated in found if negated], isinstance(node, All))
        if isinstance(node, Qualifier):
            prefix = node.value.endswith("*")
            return self._dialect.term(_words(node.value.rstrip("*"), node.at), prefix=prefix, name=True), False
        found = _words(node.text, node.position)
        self._shown += found
        return self._dialect.term(found, prefix=node.prefix, name=False), False

    def _joined(self, wanted: list[str], unwanted: list[str], every: bool) -> tuple[str, bool]:
        both, either = self._dialect.both, self._dialect.either
        if every:
            if not wanted:
                return either(unwanted), True
            return (self._dialect.without(both(wanted), either(unwanted)) if unwanted else both(wanted)), False
        if not unwanted:
            return either(wanted), False
        # One of these is wanted, or one of those is missing: not (all of those, and none of these).
        return (self._dialect.without(both(unwanted), either(wanted)) if wanted else both(unwanted)), True


def _flat(node: Node) -> Sequence[Node]:
    return [each for part in node.parts for each in _flat(part)] if isinstance(node, All) else [node]


def _is_text(node: Node) -> bool:
    if isinstance(node, Text):
        return True
    if isinstance(node, Qualifier):
        return _known(node) == NAME
    if isinstance(node, Not):
        return _is_text(node.part)
    return all(_is_text(part) for part in node.parts)


def _known(node: Qualifier) -> str:
    if node.name not in NAMES:
        raise BadQuery(f"There is no qualifier “{node.name[:40]}”.", node.position,
                       f"{', '.join(f'{name}:' for name in NAMES)} or, to search for a colon, \"quotation marks\"")
    return node.name


def _words(text: str, position: int) -> list[str]:
    found = words(text)
    if not found:
        raise BadQuery(f"“{text[:40]}” holds nothing to search for.", position, "a word with a letter or digit")
    return found
