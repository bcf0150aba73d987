"""What a task waits for: who may wait for whom, and what follows when one of those has ended."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from events.statements import Clause
from tasks.errors import BadTask
from tasks.models import Dependency, Task, Unmet
from tasks.states import ACTIVE, ENDED, TaskState

# Enough for every graph that people can look at; more is a mistake.
MAX_DEPENDENCIES = 1000
# SQL takes only so many parameters at once.
BATCH = 500
# A task that nothing has ever waited for.
UNNEEDED = Clause(lambda: Task.objects.filter(~Exists(Dependency.objects.filter(needs=OuterRef("pk")))))
WORDS = {TaskState.FAILED: "failed", TaskState.CANCELLED: "was cancelled"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a blocked task: queued (or scheduled) when it may run, else cancelled or failed, and why."""

    to: TaskState
    why: str = ""


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
    for start in range(0, len(keys), BATCH):
        found |= Task.objects.only("id", "state", "title").in_bulk(keys[start : start + BATCH])
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
        title = Task.objects.only("title").get(pk=min(circle)).title
        raise BadTask(f"That would be a circle: “{title}” would wait for itself.", "depends_on")


def add(task: Task, needs: Iterable[Task], unless_succeeded: str) -> None:
    """Write that the task waits for these. What it has waited for before stays as it is."""
    rows = [Dependency(task=task, needs=each, unmet=unless_succeeded) for each in needs]
    Dependency.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)


def verdict(task: Task) -> Verdict | None:
    """What becomes of a blocked task now; None while it has to go on waiting."""
    ended_badly = (
        Dependency.objects.filter(task=task.pk, needs__state__in=sorted(WORDS)).exclude(unmet=Unmet.RUN)
        .order_by("id").values_list("unmet", "needs__title", "needs__state").first()
    )  # fmt: skip
    if ended_badly is not None:
        unmet, title, state = ended_badly
        why = f"“{title}”, which it needs, {WORDS[TaskState(state)]}."
        if unmet == Unmet.SKIP:
            return Verdict(TaskState.CANCELLED, f"Skipped: {why}")
        return Verdict(TaskState.FAILED, why)
    if Dependency.objects.filter(task=task.pk, needs__state__in=sorted(ACTIVE)).exists():
        return None
    return Verdict(TaskState.QUEUED)


def is_needed(task_id: uuid.UUID) -> bool:
    """Whether anything has ever waited for this one: for most tasks nothing has."""
    key = Task._meta.pk.get_db_prep_value(task_id, connection)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {Dependency._meta.db_table} WHERE needs_id = %s LIMIT 1", [key])
        return cursor.fetchone() is not None


def blocked_by(task: Task | uuid.UUID) -> QuerySet[Task]:
    """The blocked tasks that wait for this one."""
    key = task if isinstance(task, uuid.UUID) else task.pk
    return Task.objects.filter(state=TaskState.BLOCKED, dependencies__needs=key).order_by("id")


def blocked_for_nothing() -> QuerySet[Task]:
    """The blocked tasks that have nothing left to wait for: all has ended, or one in a way that ends them too."""
    needs = Dependency.objects.filter(task=OuterRef("pk"))
    ended_badly = needs.filter(needs__state__in=sorted(WORDS)).exclude(unmet=Unmet.RUN)
    return Task.objects.filter(state=TaskState.BLOCKED).filter(
        Exists(ended_badly) | ~Exists(needs.filter(needs__state__in=sorted(ACTIVE)))
    )


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
    found = [task.pk]
    above = task.parent_id
    while above is not None and above not in found:
        found.append(above)
        above = Task.objects.filter(pk=above).values_list("parent", flat=True).first()
    return found


def _upstream(keys: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """These tasks and all that they wait for still, and what that waits for, in one statement per batch."""
    field, edges, tasks = Task._meta.pk, Dependency._meta.db_table, Task._meta.db_table
    active = sorted(ACTIVE)
    states = ", ".join(["%s"] * len(active))
    found: set[uuid.UUID] = set(keys)
    for start in range(0, len(keys), BATCH):
        batch = [field.get_db_prep_value(key, connection) for key in keys[start : start + BATCH]]
        marks = ", ".join(["%s"] * len(batch))
        with connection.cursor() as cursor:
            # The names are the models', the values are parameters.
            cursor.execute(
                f"WITH RECURSIVE up(id) AS (SELECT id FROM {tasks} WHERE id IN ({marks}) UNION "
                f"SELECT task.id FROM up JOIN {edges} edge ON edge.task_id = up.id JOIN {tasks} task "
                f"ON task.id = edge.needs_id AND task.state IN ({states})) SELECT id FROM up",
                [*batch, *active],
            )
            found |= {field.to_python(row[0]) for row in cursor.fetchall()}
    return found
