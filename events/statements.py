"""SQL that is made once and run many times.

Django builds the text of each statement anew, which takes longer than the database does to run it. What is written and
read for every task is made here from the models, once for each set of columns. The values go through the same
conversions as everywhere, the statements through the same connection: in its transaction, seen by its wrappers.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, transaction
from django.db.models import Field, Model, QuerySet

# Stands in a query for the key that is to come.
NO_ROW = uuid.UUID(int=0)
# Every database takes so many values in one statement.
MOST_PARAMS = 10_000
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL, and the values of its placeholders as the database takes them. `given`: the same as a part of a larger
    statement, done only where that has a row in `touched`; empty where it cannot be one."""

    sql: str
    params: tuple[Any, ...]
    given: str = ""


class Clause:
    """A condition on a row that takes more than its columns. `query` makes a filter of its model, once."""

    def __init__(self, query: Callable[[], QuerySet]):
        self._query = query

    @cached_property
    def compiled(self) -> tuple[str, tuple[Any, ...]]:
        """Its SQL, which names the table of the model, and what its placeholders stand for."""
        query = self._query().query
        sql, params = query.get_compiler(DEFAULT_DB_ALIAS).compile(query.where)
        return sql, tuple(params)


def insertion(row: Model) -> Statement:
    """What writes a new row. Its class must do nothing of its own when it is saved, and its primary key be known."""
    sql, given, fields = _insert(type(row))
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    return Statement(sql, tuple(_value(field, getattr(row, field.attname)) for field in fields), given)


def insertions(rows: Sequence[Model]) -> list[Statement]:
    """What writes many new rows of one class, as `insertion` does: a statement for as many as a database takes."""
    if not rows:
        return []
    sql, _, fields = _insert(type(rows[0]))
    start, marks = sql.rsplit(" VALUES ", 1)
    many = max(MOST_PARAMS // len(fields), 1)
    written = [insertion(row).params for row in rows]
    parts = [written[place : place + many] for place in range(0, len(written), many)]
    return [Statement(f"{start} VALUES {', '.join([marks] * len(part))}", tuple(value for row in part for value in row))
            for part in parts]


def change(model: type[Model], values: Mapping[str, Any], conditions: Mapping[str, Any],
           only: Clause | None = None) -> Statement:
    """What sets these columns in the rows that meet all conditions (by column a value, None, or a tuple of values of
    which it must be one), and the clause."""
    shape = tuple((name, len(value) if isinstance(value, tuple) else -1 if value is None else 0)
                  for name, value in conditions.items())
    sql, fields, asked = _update(model, tuple(values), shape)
    params = [_value(field, value) for field, value in zip(fields, values.values(), strict=True)]
    for field, value in zip(asked, conditions.values(), strict=True):
        params += [_value(field, each) for each in (value if isinstance(value, tuple) else (value,))
                   if value is not None]
    if only is not None:
        sql, params = f"{sql} AND {only.compiled[0]}", [*params, *only.compiled[1]]
    return Statement(sql, tuple(params), f"{sql} AND EXISTS (SELECT 1 FROM touched)")


def takes_many() -> bool:
    """Whether the database takes many statements at once, as one transaction: not where the server fills in the
    placeholders."""
    return connection.vendor == "postgresql" and not connection.features.uses_server_side_binding


def run(*statements: Statement) -> int:
    """Run them in this order, all or nothing; how many rows the first one touched. For statements that return no rows.
    Where the database takes several at once it is one round trip, and what it takes at once is one transaction."""
    with connection.cursor() as cursor:
        if len(statements) > 1 and takes_many():
            cursor.execute("; ".join(each.sql for each in statements),
                           [param for each in statements for param in each.params])
            return cursor.rowcount
        touched = []
        with transaction.atomic(savepoint=False) if len(statements) > 1 else nullcontext():
            for each in statements:
                cursor.execute(each.sql, each.params)
                touched.append(cursor.rowcount)
        return touched[0]


def run_given(first: Statement, *others: Statement) -> bool:
    """Run `first`, which changes rows, and the others if it touched one; whether it did. All or nothing, in the
    caller's transaction where there is one. Where the database can, they are one statement: one round trip, which
    needs no other to begin and end a transaction."""
    if takes_many() and all(each.given for each in others):
        parts = [f"touched AS ({first.sql} RETURNING 1)"]
        parts += [f"also_{number} AS ({each.given})" for number, each in enumerate(others)]
        with connection.cursor() as cursor:
            cursor.execute(f"WITH {', '.join(parts)} SELECT 1 FROM touched",
                           [param for each in (first, *others) for param in each.params])
            return cursor.fetchone() is not None
    with transaction.atomic(savepoint=False):
        if not run(first):
            return False
        if others:
            run(*others)
    return True


def changed(model: type[Model], values: Mapping[str, Any], keys: Sequence[Any], conditions: Mapping[str, Any],
            each: Mapping[str, Mapping[Any, Any]] | None = None) -> set[Any]:
    """Set these columns in the rows of these keys that meet all conditions, as `change` does, and those of `each` to a
    value for each key; the keys of the rows that did."""
    primary = model._meta.pk
    # A key named twice is found once: so few sizes, and few statements to keep, do for all numbers of keys.
    padded = (*keys, *[keys[-1]] * ((1 << (len(keys) - 1).bit_length()) - len(keys)))
    statement = change(model, values, {primary.name: padded, **conditions})
    start, settings = f"UPDATE {_table(model)} SET ", []
    params: list[Any] = []
    for name, by_key in (each or {}).items():
        field = model._meta.get_field(name)
        cases = " ".join(["WHEN %s THEN %s"] * len(by_key))
        settings.append(f"{_column(field)} = CASE {_column(primary)} {cases} ELSE {_column(field)} END, ")
        params += [taken for key, value in by_key.items() for taken in (_value(primary, key), _value(field, value))]
    sql = f"{start}{''.join(settings)}{statement.sql.removeprefix(start)} RETURNING {_column(primary)}"
    with connection.cursor() as cursor:
        cursor.execute(sql, [*params, *statement.params])
        return {primary.to_python(row[0]) for row in cursor.fetchall()}


class Lookup(Generic[Row]):
    """A query for one row by its primary key. `query` makes it for a key; it may annotate, and join nothing."""

    def __init__(self, query: Callable[[Any], QuerySet[Row]]):
        self._query = query

    def get(self, key: Any) -> Row | None:
        """The row as the query would give it, None when there is none."""
        form = self._form
        params = list(form.params)
        params[form.place] = form.model._meta.pk.get_db_prep_value(key, connection)
        with connection.cursor() as cursor:
            cursor.execute(form.sql, params)
            found = cursor.fetchone()
        if found is None:
            return None
        values = list(found)
        for column, (functions, expression) in form.converters.items():
            for convert in functions:
                values[column] = convert(values[column], expression, connection)
        row = form.model.from_db(DEFAULT_DB_ALIAS, form.fields, values[:len(form.fields)])
        for name, column in form.annotations.items():
            setattr(row, name, values[column])
        return row

    @cached_property
    def _form(self) -> _Form:
        query = self._query(NO_ROW).query
        compiler = query.get_compiler(DEFAULT_DB_ALIAS)
        sql, params = compiler.as_sql()
        return _Form(
            query.model, sql, tuple(params), params.index(query.model._meta.pk.get_db_prep_value(NO_ROW, connection)),
            [compiler.select[column][0].target.attname for column in compiler.klass_info["select_fields"]],
            compiler.annotation_col_map, compiler.get_converters([column for column, _, _ in compiler.select]),
        )


@dataclass(frozen=True, slots=True)
class _Form:
    """A compiled query: the key goes to `place` among its params; its columns are the fields, then annotations."""

    model: type[Model]
    sql: str
    params: tuple[Any, ...]
    place: int
    fields: list[str]
    annotations: dict[str, int]
    converters: dict[int, tuple[list[Callable], Any]]


@cache
def _insert(model: type[Model]) -> tuple[str, str, list[Field]]:
    fields = model._meta.concrete_fields
    marks = ", ".join(["%s"] * len(fields))
    into = f"INSERT INTO {_table(model)} ({', '.join(map(_column, fields))})"
    return f"{into} VALUES ({marks})", f"{into} SELECT {marks} FROM touched", fields


@cache
def _update(model: type[Model], names: tuple[str, ...], shape: tuple[tuple[str, int], ...]
            ) -> tuple[str, list[Field], list[Field]]:
    fields = [model._meta.get_field(name) for name in names]
    asked = [model._meta.get_field(name) for name, _ in shape]
    parts = []
    for field, (_, number) in zip(asked, shape, strict=True):
        tests = {0: " = %s", -1: " IS NULL"}
        parts.append(_column(field) + tests.get(number, f" IN ({', '.join(['%s'] * number)})"))
    settings = ", ".join(f"{_column(field)} = %s" for field in fields)
    return f"UPDATE {_table(model)} SET {settings} WHERE {' AND '.join(parts)}", fields, asked


def _table(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _column(field: Field) -> str:
    return connection.ops.quote_name(field.column)


def _value(field: Field, value: Any) -> Any:
    return field.get_db_prep_save(value, connection)

