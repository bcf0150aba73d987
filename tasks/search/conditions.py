"""One condition of a query, and the ways to the tasks that meet it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import BooleanField, Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL

from tasks.models import Attempt, Task
from tasks.search.beginnings import Begins
from tasks.search.places import Place

# Columns whose indexes hold the tasks of one value in the order of the list, or which has few of each.
ORDERED = ("subject", "actor", "correlation_id", "pk")
# Written out, so that the small index of these is enough.
SEVERAL = '"tasks_task"."attempt" > 1'


@dataclass(frozen=True, slots=True)
class Condition:
    """What a task has to meet: `where`.

    - `one`: the same, where it is asked of one task after the other; None where that is no other way.
    - `between`: the same of tasks between two ids, where that is cheaper; None where it is not.
    - `facet`: the columns that it is about, when `tasks.search.facets` knows them all; else empty.
      `sought`: it is about one, and an index leads to the values that meet it.
    - `source`: ids of all tasks of a place that meet it, as an index has them, some perhaps twice; None where none
      does.
      `ordered`: the index has them in the order of the list, by this column. `line`: the same as a condition, as that
      index is found by it, where it is one of tasks; else None.
    - `said`: what the documents of all tasks that meet it say, in the language of full text search.
    - `created`: what it says of `created_at`, and it says nothing else.
    """

    where: Q
    one: Q | None = None
    between: Callable[[uuid.UUID, uuid.UUID], Q] | None = None
    facet: frozenset[str] = frozenset()
    sought: bool = False
    source: Callable[[Place], QuerySet] | None = None
    ordered: str = ""
    line: Q | None = None
    said: str = ""
    created: tuple[tuple[str, datetime], ...] = ()

    @property
    def each(self) -> Q:
        """What is asked of one task after the other."""
        return self.where if self.one is None else self.one


def facet(where: Q, column: str) -> Condition:
    """One on the value of this column, which `tasks.search.facets` knows."""
    # In most locales PostgreSQL's index of that column does not lead to beginnings.
    one = Condition(where, facet=frozenset((column,)), sought=not isinstance(where.children[0], Begins))
    return _in_order(one, where) if is_exact(where) and column == "state" else one


def is_exact(where: Q) -> bool:
    """Whether it says that a column has one value, and no more."""
    one = where.children[0] if len(where.children) == 1 and not where.negated else None
    return isinstance(one, tuple) and one[0].removesuffix("__exact").find("__") < 0


def retried(where: Q) -> Condition:
    """One on the number of attempts that no task meets without a second one: an index has those."""
    return _in_order(facet(where, "attempt"), where & Q(RawSQL(SEVERAL, (), output_field=BooleanField())))


def indexed(where: Q) -> Condition:
    """One whose tasks an index of the tasks knows."""
    column = where.children[0][0] if len(where.children) == 1 and isinstance(where.children[0], tuple) else ""
    one = Condition(where, source=lambda place: ids(where, place))
    return _in_order(one, where) if column in ORDERED else one


def _in_order(one: Condition, where: Q) -> Condition:
    return replace(one, source=lambda place: ids(where, place, ordered=True), ordered="pk", line=where)


def tried(by: Q, *, ordered: bool) -> Condition:
    """One on the attempts at a task: that there is one like this."""
    attempts = Attempt.objects.filter(by).order_by()
    return Condition(Q(pk__in=attempts.values("task")), one=Q(Exists(attempts.filter(task=OuterRef("pk")))),
                     source=lambda place: place.within(attempts, "task").values_list("task"),
                     ordered="task" if ordered else "")


def created(tests: tuple[tuple[str, datetime], ...]) -> Condition:
    """One on when a task was created: `(("gte", moment), ("lt", moment))`."""
    where = Q(*((f"created_at__{lookup}", to) for lookup, to in tests))
    return Condition(where, source=lambda place: ids(where, place), created=tests)


def ids(where: Q, place: Place, *, ordered: bool = False) -> QuerySet:
    """The ids of all tasks of a place that meet it, in no order yet."""
    return place.within(Task.objects.filter(where), "pk", sought=ordered).order_by().values_list("pk")
