"""A query as the databases understand it: words for the documents, conditions for the columns."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from operator import and_, or_

from django.db.models import Q
from django.utils import timezone

from events.context import current
from tasks.search import conditions, matching
from tasks.search.conditions import Condition
from tasks.search.errors import BadQuery
from tasks.search.facets import COLUMNS as FACETS
from tasks.search.qualifiers import KINDS, NAME, NAMES, Kind, spoken
from tasks.search.tree import All, Any, Node, Not, Qualifier, Text, parse
from tasks.search.words import words

Leaf = Callable[[Condition], Q]
Matches = Callable[[str], Q]


@dataclass(frozen=True, slots=True)
class Query:
    """Tasks that meet all `conditions`, and whose documents match `text` where that is not empty.

    `worded`: documents have to be looked at. `said` is what was asked for, as it was written. `shown`: the words and
    beginnings of words that are looked for, to be marked in what is found.
    """

    text: str = ""
    conditions: tuple[Condition, ...] = ()
    shown: tuple[str, ...] = ()
    worded: bool = False
    said: str = ""

    @property
    def where(self) -> Q:
        """All conditions together."""
        return reduce(and_, (one.where for one in self.conditions), Q())

    def narrowed(self, kind: Kind, value: str, now: datetime) -> Query:
        """The same for tasks that meet this qualifier, too. Raises BadQuery."""
        return replace(self, conditions=(*self.conditions, kind.read(value, 0, now)),
                       said=" ".join(filter(None, (self.said, f"{kind.name}:{value}"))))

    def exactly(self, **columns: object) -> Query:
        """The same for tasks that have these values; names are those of columns."""
        more = []
        for name, value in columns.items():
            where = Q(**{name: value})
            one = conditions.facet(where, name) if name in FACETS else conditions.indexed(where)
            more.append(replace(one, said=spoken(str(value))) if name == "job" else one)
        return replace(self, conditions=(*self.conditions, *more))


def read(text: str, now: datetime | None = None) -> Query:
    """What a query of the grammar asks for. Raises BadQuery."""
    tree = parse(text)
    if tree is None:
        return Query()
    return replace(_Compiler(now or timezone.now()).query(tree), said=text.strip())


class _Compiler:
    def __init__(self, now: datetime):
        self._now = now
        self._dialect = matching.dialect()
        self._shown: list[str] = []
        self._worded = False

    def query(self, tree: Node) -> Query:
        parts = _flat(tree)
        textual = [part for part in parts if _is_text(part)]
        met = [self._condition(part) for part in parts if not _is_text(part)]
        found, negated = self._text(All(tuple(textual))) if textual else ("", False)
        if negated:
            met.append(Condition(~matching.matches(found), between=lambda low, high: ~self._between(found, low, high)))
        return Query("" if negated else found, tuple(met), () if negated else tuple(dict.fromkeys(self._shown)),
                     worded=self._worded)

    def _condition(self, node: Node) -> Condition:
        """That of a part which is not about words alone."""
        if isinstance(node, Qualifier):
            return KINDS[_known(node)].read(node.value, node.at, self._now)
        leaves, worded = self._leaves(node)
        where = self._where(node, lambda leaf: leaf.where, matching.matches)
        if worded:
            return Condition(where, between=lambda low, high: self._where(
                node, lambda leaf: leaf.each, lambda text: self._between(text, low, high)))
        if all(leaf.facet for leaf in leaves):
            return Condition(where, facet=frozenset().union(*(leaf.facet for leaf in leaves)))
        one = self._where(node, lambda leaf: leaf.each, matching.matches)
        listed = isinstance(node, Any) and all(isinstance(part, Qualifier) for part in node.parts) and all(
            leaf.source and not leaf.facet for leaf in leaves)
        return replace(conditions.indexed(where), one=one) if listed else Condition(where, one=one)

    def _leaves(self, node: Node) -> tuple[list[Condition], bool]:
        """The conditions in it, and whether there are words, too."""
        if _is_text(node):
            return [], True
        if isinstance(node, Qualifier):
            return [self._condition(node)], False
        found = [self._leaves(part) for part in ([node.part] if isinstance(node, Not) else node.parts)]
        return [leaf for leaves, _ in found for leaf in leaves], any(worded for _, worded in found)

    def _where(self, node: Node, leaf: Leaf, matches: Matches) -> Q:
        if _is_text(node):
            found, negated = self._text(node)
            return ~matches(found) if negated else matches(found)
        if isinstance(node, Not):
            return ~self._where(node.part, leaf, matches)
        if isinstance(node, All | Any):
            parts = [self._where(part, leaf, matches) for part in node.parts]
            return reduce(and_ if isinstance(node, All) else or_, parts)
        return leaf(self._condition(node))

    def _between(self, text: str, low: uuid.UUID, high: uuid.UUID) -> Q:
        return Q(pk__in=self._dialect.between(text, low, high))

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
        # Who may not see parameters and logs learns nothing of them by asking whether a word is there.
        return self._dialect.term(found, prefix=node.prefix, name=not current().payloads), False

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
