"""Data sets: what a report can be made of. Each app may bring its own, in a module
`report_datasets`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property, partial
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.expressions import Expression
from django.utils.module_loading import autodiscover_modules

from events.changes import masked
from events.times import iso

TEXT, ID, NUMBER, SECONDS, BYTES, TIME, JSON = "text", "id", "number", "seconds", "bytes", "time", "json"
NUMBERS = frozenset({NUMBER, SECONDS, BYTES})
# Lengths are whole microseconds in the databases.
MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a data set. `source`: an expression, or the name of a column of its rows. `kind` says what it holds;
    `micro`: the database has it in microseconds. `payload`: only for those who may see parameters and logs. `wide`: it
    is another one in nearly every row, and nothing is grouped by it."""

    name: str
    label: str
    kind: str = TEXT
    source: str | Expression = ""
    micro: bool = False
    payload: bool = False
    wide: bool = False

    @property
    def expression(self) -> Any:
        return F(self.source or self.name) if isinstance(self.source, str) else self.source

    @property
    def can_group(self) -> bool:
        return not (self.wide or self.kind == JSON)

    @property
    def can_measure(self) -> bool:
        return self.kind in NUMBERS

    @property
    def plain(self) -> Callable[[Any], Any]:
        """What makes a value of it JSON, without secrets."""
        if self.micro:
            return _seconds
        return {TIME: _moment, ID: _id, NUMBER: _itself, SECONDS: _itself, BYTES: _itself}.get(self.kind, _text)

    @property
    def plain_all(self) -> Callable[[Iterable[Any]], Sequence[Any]]:
        """The same for many values at once."""
        if self.plain is _itself:
            return tuple
        return partial(each, self.plain, often_same=self.kind == TEXT and not self.wide)


class _Known(dict):
    """What a function makes of a value, made once."""

    def __init__(self, make: Callable[[Any], Any]):
        self._make = make

    def __missing__(self, value: Any) -> Any:
        made = self[value] = self._make(value)
        return made


def each(make: Callable[[Any], Any], values: Iterable[Any], *, often_same: bool = False) -> list[Any]:
    """What a function makes of each value. `often_same`: of few values many times."""
    return list(map(_Known(make).__getitem__ if often_same else make, values))


def _itself(value: Any) -> Any:
    return value


def _id(value: Any) -> str | None:
    """A UUID as it is written; SQLite has its 32 digits."""
    if value.__class__ is not str:
        return None if value is None else str(value)
    return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"


def _seconds(value: int | None) -> float | None:
    return None if value is None else value / MICRO


def _moment(value: datetime | str | None) -> str | None:
    """As `events.times.iso`; SQLite's own text (`2026-11-05 12:00:00.5`, in UTC) is not read to be written again."""
    if value.__class__ is not str:
        return iso(value)
    if len(value) == 26:
        return f"{value[:10]}T{value[11:]}Z"
    whole, _, rest = value.partition(".")
    return f"{whole[:10]}T{whole[11:]}.{rest:0<6}Z"


def _text(value: Any) -> Any:
    """Only an address can hold a password; most texts are none."""
    if value.__class__ is str:
        return masked(value) if "://" in value else value
    if value is None or isinstance(value, bool | int | float):
        return value
    return masked(value) if isinstance(value, dict | list) else str(value)


@dataclass(frozen=True)
class DataSet:
    """`rows`: all there is; `at`: the column by which they are narrowed to a range of time, empty where there is none;
    `usual`: the fields when none are named. `search`: narrows them by a query, and says what is wrong with one by
    raising; without it `field:value` is understood. `qualifiers`: by field, what a query calls it; `listed`: where the
    rows of a query are listed, other than in a report. `failed`: which rows failed, and `judged`: which could have.
    `place`: where it stands among all."""

    name: str
    label: str
    rows: Callable[[], QuerySet]
    columns: Sequence[Column]
    usual: Sequence[str]
    at: str = ""
    search: Callable[[QuerySet, str], QuerySet] | None = None
    hint: str = ""
    qualifiers: dict[str, str] = field(default_factory=dict)
    listed: Callable[[str], str] | None = None
    failed: Q | None = None
    judged: Q | None = None
    order: str = "-pk"
    place: int = 0
    by_name: dict[str, Column] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.search is None:  # its fields are the words of its queries
            self.qualifiers.update({one.name: one.name for one in self.columns if one.kind not in (JSON, TIME)})
        self.by_name.update({one.name: one for one in self.columns})

    @cached_property
    def groups(self) -> list[Column]:
        return [one for one in self.columns if one.can_group]

    @cached_property
    def numbers(self) -> list[Column]:
        return [one for one in self.columns if one.can_measure]


_registry: dict[str, DataSet] = {}


def register(*sets: DataSet) -> None:
    """Add data sets, each under a name of its own."""
    for one in sets:
        if one.name in _registry:
            raise ValueError(f"There is a data set {one.name} already.")
        _registry[one.name] = one


@cache
def _discover() -> None:
    autodiscover_modules("report_datasets")


def datasets() -> dict[str, DataSet]:
    """All data sets, by name: those of this app first, then those that others brought."""
    _discover()
    return {one.name: one for one in sorted(_registry.values(), key=lambda one: one.place)}
