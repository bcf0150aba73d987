"""Conditions of the ORM as parts of statements that it cannot write."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import DEFAULT_DB_ALIAS
from django.db.models import QuerySet

NEVER, ALWAYS = "1 = 0", "1 = 1"


def condition(rows: QuerySet) -> tuple[str, list[Any]]:
    """What the rows of a query have to meet, and what its placeholders stand for. It names the table of the model."""
    query = rows.query
    try:
        sql, params = query.get_compiler(DEFAULT_DB_ALIAS).compile(query.where)
    except EmptyResultSet:
        return NEVER, []
    except FullResultSet:
        return ALWAYS, []
    return sql or ALWAYS, list(params)
