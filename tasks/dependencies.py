"""What a task waits for: who may wait for whom, and what follows when one of those has ended."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from events.statements import Clause, Statement
from tasks.errors import BadTask
from tasks.models import Dependency, Task, Unmet
from tasks.states import ACTIVE, ENDED, TaskState

# Enough for every graph that people can look at; more is a mistake.
MAX_DEPENDENCIES = 1000
# SQL takes only so many parameters at once.
BATCH = 500
# A task that nothing has ever waited for.
UNNEEDED = Clause(lambda: Task.everything.filter(~Exists(Dependency.objects.filter(needs=OuterRef("pk")))))
WORDS = {TaskState.FAILED: "failed", TaskState.CANCELLED: "was cancelled"}
TASKS, EDGES = Task._meta.db_table, Dependency._meta.db_table
Item = TypeVar("Item")
# SQL: the states of both ends of a row of `edge`. Each is looked up by its key: where these are joined, SQLite (and
# PostgreSQL, while it knows little of a table) may look at all tasks that are in such a state, for each row.
NEEDED = f"(SELECT needed.state FROM {TASKS} needed WHERE needed.id = edge.needs_id)"
NEEDING = f"(SELECT needing.state FROM {TASKS} needing WHERE needing.id = edge.task_id)"


def _needs(states: Iterable[str], more: str = "") -> str:
    """SQL: whether a row of `task` needs one in such a state."""
    known = ", ".join(f"'{TaskState(state).value}'" for state in sorted(states))
    return f"EXISTS (SELECT 1 FROM {EDGES} edge WHERE edge.task_id = task.id {more} AND {NEEDED} IN ({known}))"


NEEDS_ACTIVE = _needs(ACTIVE)


def wanted(depends_on: Iterable[Task | uuid.UUID | str], unless_succeeded: str, parent: Task | None) -> list[Task]:
    """The tasks that a new child of `parent` is to wait for, each once, in the order given. Raises BadTask for one that
    does not exist, for a circle (it would wait for a task that waits for it), and for what is no policy."""
    if unless_succeeded not in Unmet.values:
        raise BadTask(f"“unless_succeeded” must be one of {', '.join(Unmet.values)}.", "unless_succeeded")
    try:
        keys = list(dict.fromkeys(_key(each) for each in depends_on))
    except (ValueError, TypeError):
        raise BadTask("“depends_on” must be a list of task ids.", "depends_on") from None
    if len(keys) > MAX_DEPENDENCIES:
        raise BadTask(f"A task can wait for at most {MAX_DEPENDENCIES} others.", "depends_on")
    found: dict[uuid.UUID, Task] = {}
    for part in _parts(keys):
        found |= Task.objects.only("id", "state", "title").in_bulk(part)
    missing = [str(key) for key in keys if key not in found]
    if missing:
        more = f", nor {len(missing) - 1} others of them" if len(missing) > 1 else ""
        raise BadTask(f"There is no task {missing[0]} to wait for{more}.", "depends_on")
    if parent is not None and keys:
        refuse_circle(_ancestors(parent), [key for key in keys if found[key].state in ACTIVE])
    return [found[key] for key in keys]


def refuse_circle(waiting: Sequence[uuid.UUID], needs: Sequence[uuid.UUID]) -> None:
    """Raise BadTask when one of `needs`, or anything that these wait for, is one of `waiting`."""
    circle = _upstream(needs) & set(waiting)
    if circle:
        title = Task.everything.only("title").get(pk=min(circle)).title
        raise BadTask(f"That would be a circle: “{title}” would wait for itself.", "depends_on")


def needs_again(task: Task) -> tuple[list[Task], str]:
    """What a retry of an ended task is to wait for, and what becomes of it when one of these does not succeed: what the
    task was told to wait for, and in the place of what failed or was cancelled the newest retry of that, one that has
    succeeded first. Raises BadTask when the retry would end at once because one has not succeeded."""
    edges = list(Dependency.objects.filter(declared(task), task=task.pk).order_by("id").values_list("needs", "unmet"))
    if not edges:
        return [], Unmet.SKIP
    tries: dict[uuid.UUID, list[uuid.UUID]] = {key: [key] for key, _ in edges}
    for part in _parts(list(tries)):
        for first, key in _rows(
            f"WITH RECURSIVE again(origin, id) AS (SELECT id, id FROM {TASKS} WHERE id IN ({_marks(part)}) UNION ALL "
            f"SELECT again.origin, task.id FROM again JOIN {TASKS} task ON task.retry_of_id = again.id) "
            "SELECT origin, id FROM again", [*map(_key_of, part)],
        ):
            tries[_as_key(first)].append(_as_key(key))
    found: dict[uuid.UUID, Task] = {}
    for part in _parts(list({key for keys in tries.values() for key in keys})):
        found |= Task.everything.only("id", "state", "title").in_bulk(part)
    needs = [_counts([found[key] for key in keys if key in found]) for keys in tries.values()]
    unmet = edges[0][1]
    bad = [need for need in needs if need.state in WORDS]
    if bad and unmet != Unmet.RUN:
        more = f" ({len(bad) - 1} more have not succeeded.)" if len(bad) > 1 else ""
        what = f"“{bad[0].title}”, which it needs, {WORDS[TaskState(bad[0].state)]}."
        raise BadTask(f"{what} Retry that one first.{more}", "depends_on")
    return needs, unmet


def _counts(tries: Sequence[Task]) -> Task:
    """Which of a task and its retries is waited for: the first where it has not ended badly, else the newest, one that
    has succeeded before all."""
    if tries[0].state not in WORDS:
        return tries[0]
    return max(tries, key=lambda task: (task.state == TaskState.SUCCEEDED, task.pk))


def added(task: Task, needs: Sequence[Task], unless_succeeded: str) -> list[Statement]:
    """What writes that the task waits for these. What it has waited for before stays as it is."""
    own = _key_of(task.pk)
    return [
        Statement(
            f"INSERT INTO {EDGES} (task_id, needs_id, unmet) VALUES {', '.join(['(%s, %s, %s)'] * len(part))} "
            "ON CONFLICT DO NOTHING",
            tuple(value for each in part for value in (own, _key_of(each.pk), unless_succeeded)),
        )
        for part in _parts(list(needs))
    ]


def has_seen_an_end(task_id: uuid.UUID) -> bool:
    """Whether anything that this one waits for has ended."""
    return bool(_rows(
        f"SELECT 1 FROM {EDGES} edge WHERE edge.task_id = %s AND {NEEDED} IN ({_marks(ENDED)}) LIMIT 1",
        [_key_of(task_id), *sorted(ENDED)],
    ))


def followers(ended: Sequence[uuid.UUID], after: int, count: int) -> list[tuple[int, uuid.UUID]]:
    """The blocked tasks that wait for one of these, at most so many: each with the number of the dependency that says
    so, in the order of these and from after that number on. Asked at each end, and for most tasks there are none."""
    rows = _rows(
        f"SELECT edge.id, edge.task_id FROM {EDGES} edge WHERE edge.needs_id IN ({_marks(ended)}) AND edge.id > %s "
        f"AND {NEEDING} = %s ORDER BY edge.id LIMIT %s",
        [*map(_key_of, ended), after, TaskState.BLOCKED, count],
    )
    return [(number, _as_key(key)) for number, key in rows]


def ending_with(ended: Sequence[uuid.UUID], count: int) -> list[uuid.UUID]:
    """The blocked tasks that end because these have failed or were cancelled, and those that end because of them in
    turn: at most so many, the nearest first."""
    rows = _rows(
        f"WITH RECURSIVE gone(id) AS (SELECT id FROM {TASKS} WHERE id IN ({_marks(ended)}) UNION SELECT edge.task_id "
        f"FROM gone CROSS JOIN {EDGES} edge WHERE edge.needs_id = gone.id AND edge.unmet <> %s AND {NEEDING} = %s) "
        "SELECT id FROM gone LIMIT %s",
        [*map(_key_of, ended), Unmet.RUN, TaskState.BLOCKED, len(ended) + count],
    )
    known = set(ended)
    return [key for (row,) in rows if (key := _as_key(row)) not in known]


def still_followed(ended: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Which of these, which failed or were cancelled, have left a task blocked that ends with them."""
    found: list[uuid.UUID] = []
    for part in _parts(ended):
        rows = _rows(
            f"SELECT DISTINCT edge.needs_id FROM {EDGES} edge WHERE edge.needs_id IN ({_marks(part)}) "
            f"AND edge.unmet <> %s AND {NEEDING} = %s",
            [*map(_key_of, part), Unmet.RUN, TaskState.BLOCKED],
        )
        found += [_as_key(key) for (key,) in rows]
    return found


def blocked_for_nothing(keys: Sequence[uuid.UUID] | None = None, count: int | None = None) -> list[uuid.UUID]:
    """The blocked tasks (of these, or of all) that have nothing left to wait for: all has ended, or one in a way that
    ends them too. At most so many."""
    among = f"AND task.id IN ({_marks(keys)}) " if keys is not None else ""
    rows = _rows(
        f"SELECT task.id FROM {TASKS} task WHERE task.state = %s {among}AND ({_needs(WORDS, 'AND edge.unmet <> %s')} "
        f"OR NOT {NEEDS_ACTIVE}) ORDER BY task.id" + ("" if count is None else " LIMIT %s"),
        [TaskState.BLOCKED, *map(_key_of, keys or ()), Unmet.RUN, *(() if count is None else [count])],
    )
    return [_as_key(key) for (key,) in rows]


def locked(keys: Sequence[uuid.UUID], columns: Iterable[str]) -> list[Task]:
    """The blocked ones of these tasks that are in nobody's hands, locked where rows can be, with these columns and
    `waits`: whether it needs an active one."""
    if not keys:
        return []
    lock = "" if connection.vendor == "sqlite" else " FOR UPDATE OF task SKIP LOCKED"
    sql = (f"SELECT {', '.join(f'task.{column}' for column in columns)}, {NEEDS_ACTIVE} AS waits FROM {TASKS} task "
           f"WHERE task.id IN ({_marks(keys)}) ORDER BY task.id{lock}")
    return [task for task in Task.objects.raw(sql, [*map(_key_of, keys)]) if task.state == TaskState.BLOCKED]


def reason(needs: Sequence[Task]) -> str:
    """What a task that waits for these says."""
    titles = [each.title for each in needs if each.state not in ENDED]
    if not titles:
        return ""
    more = f" and {len(titles) - 1} more" if len(titles) > 1 else ""
    return f"Waits for “{titles[0][:200]}”{more}."


def declared(task: Task) -> Q:
    """Which dependencies were asked for when the task was made: not its waiting for children."""
    return ~Q(needs__parent=task.pk)


def _key(value: Task | uuid.UUID | str) -> uuid.UUID:
    if isinstance(value, Task):
        return value.pk
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)


def _ancestors(task: Task) -> list[uuid.UUID]:
    """The task, who began it, who began that, and so on."""
    rows = _rows(
        f"WITH RECURSIVE above(id) AS (SELECT id FROM {TASKS} WHERE id = %s UNION SELECT task.parent_id FROM above "
        f"JOIN {TASKS} task ON task.id = above.id WHERE task.parent_id IS NOT NULL) SELECT id FROM above",
        [_key_of(task.pk)],
    )
    return [_as_key(key) for (key,) in rows]


def _upstream(keys: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """These tasks and all that they wait for still, and what that waits for, in one statement per batch."""
    found: set[uuid.UUID] = set(keys)
    for part in _parts(keys):
        rows = _rows(
            f"WITH RECURSIVE up(id) AS (SELECT id FROM {TASKS} WHERE id IN ({_marks(part)}) UNION "
            f"SELECT task.id FROM up JOIN {EDGES} edge ON edge.task_id = up.id JOIN {TASKS} task "
            f"ON task.id = edge.needs_id AND task.state IN ({_marks(ACTIVE)})) SELECT id FROM up",
            [*map(_key_of, part), *sorted(ACTIVE)],
        )
        found |= {_as_key(key) for (key,) in rows}
    return found


def _rows(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """What a query by hand finds: the names in it are the models', the values are parameters."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def _marks(values: Collection[Any]) -> str:
    return ", ".join(["%s"] * len(values))


def _parts(values: Sequence[Item]) -> list[Sequence[Item]]:
    return [values[start : start + BATCH] for start in range(0, len(values), BATCH)]


def _key_of(key: uuid.UUID) -> Any:
    return Task._meta.pk.get_db_prep_value(key, connection)


def _as_key(value: Any) -> uuid.UUID:
    return Task._meta.pk.to_python(value)
