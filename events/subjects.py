"""Subjects, and the patterns that name many of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db.models import CharField, Q
from django.db.models.lookups import StartsWith

TOKEN = re.compile(r"[A-Za-z0-9_-]+")
ACTION = re.compile(rf"{TOKEN.pattern}(?:\.{TOKEN.pattern})+")
LONGEST = 255


class BadSubject(ValueError):
    """A subject or pattern that is not made of tokens of letters, digits, '-' and '_', parted by dots."""


@CharField.register_lookup
class Begins(StartsWith):
    """`subject__begins=`: as `startswith`, and letter by letter on every database. SQLite's LIKE takes `A` for `a`, and
    no index; its texts are in the order of their bytes, so a range is the same. What it begins with ends in ASCII."""

    lookup_name = "begins"

    def get_rhs_op(self, connection: Any, rhs: str) -> str:
        return connection.operators["startswith"] % rhs

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        left, params = self.process_lhs(compiler, connection)
        after = self.rhs[:-1] + chr(ord(self.rhs[-1]) + 1)
        return f"({left} >= %s AND {left} < %s)", [*params, self.rhs, *params, after]


def own() -> str:
    """How every subject of this Hub begins, with its last dot."""
    return f"hub.{settings.HUB_ID}."


@dataclass(frozen=True)
class Pattern:
    """Subjects: `*` stands for one token, `>` at the end for one or more. Made by `Pattern.read`."""

    text: str

    @classmethod
    def read(cls, text: str) -> Pattern:
        """Raises BadSubject for an empty token, a stray character, `>` before the end, or too many characters."""
        if len(text) > LONGEST:
            raise BadSubject(f"The subject has {len(text)} characters: use at most {LONGEST}.")
        tokens = text.split(".")
        for place, token in enumerate(tokens):
            if token == ">" and place < len(tokens) - 1:
                raise BadSubject(f"{text!r}: '>' may only stand at the end.")
            if token not in ("*", ">") and not TOKEN.fullmatch(token):
                what = repr(token) if token else "empty"
                raise BadSubject(f"{text!r}: part {place + 1} is {what}; use letters, digits, '-', '_', or '*'.")
        return cls(text)

    @cached_property
    def tokens(self) -> list[str]:
        return self.text.split(".")

    @property
    def is_everything(self) -> bool:
        return self.text == ">"

    @cached_property
    def is_exact(self) -> bool:
        """Whether it is one subject."""
        return "*" not in self.tokens and ">" not in self.tokens

    def matches(self, subject: str) -> bool:
        """Whether a subject is one of these."""
        return self._expression.fullmatch(subject) is not None

    @cached_property
    def condition(self) -> Q:
        """The same for rows of events."""
        if self.is_exact:
            return Q(subject=self.text)
        fixed = []
        for token in self.tokens:
            if token in ("*", ">"):
                break
            fixed.append(token)
        prefix = "".join(f"{token}." for token in fixed)
        # The plain prefix lets the index narrow the rows before the expression looks at them.
        query = Q(subject__begins=prefix) if prefix else Q()
        if self.tokens[len(fixed):] != [">"]:
            query &= Q(subject__regex=f"^{self._expression.pattern}$")
        return query

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        return re.compile(r"\.".join({"*": "[^.]+", ">": ".+"}.get(token, re.escape(token)) for token in self.tokens))
