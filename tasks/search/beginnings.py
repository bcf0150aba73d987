"""Texts that begin with others: the same on both databases, and found by an index."""

from __future__ import annotations

from typing import Any

from django.db.models import BooleanField, Func

LAST = chr(0x10FFFF)


class Begins(Func):
    """`Begins("column", "x")`: whether it does, as it is written, in its case. SQLite's own LIKE would not tell a from
    A."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, column: str, text: str):
        super().__init__(column)
        self._text = text

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, list[Any]]:
        # Texts are compared by their characters there, so all with one beginning stand side by side.
        column, params = compiler.compile(self.source_expressions[0])
        bounds = [(">=", self._text), ("<", following(self._text))]
        tests = [(sign, text) for sign, text in bounds if text]
        return (f"({' AND '.join(f'{column} {sign} %s' for sign, _ in tests)})",
                [value for _, text in tests for value in (*params, text)])

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, list[Any]]:
        column, params = compiler.compile(self.source_expressions[0])
        return f"({column} LIKE %s)", [*params, f"{connection.ops.prep_for_like_query(self._text)}%"]


def following(text: str) -> str:
    """The least text after all that begin with this one; empty when there is none."""
    begin = text.rstrip(LAST)
    if not begin:
        return ""
    code = ord(begin[-1]) + 1
    # The codes of half a pair are no characters.
    return begin[:-1] + chr(0xE000 if 0xD800 <= code <= 0xDFFF else code)
