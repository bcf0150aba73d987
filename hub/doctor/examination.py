"""All checks, in the order in which an operator would look."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hub.doctor import engines, machine, stores, work
from hub.doctor.finding import Finding, failure

Check = Callable[[], Iterator[Finding]]

ALONE: tuple[Check, ...] = (machine.python, machine.packages, machine.folder, machine.disk, work.watch, stores.backups)
STORES: tuple[Check, ...] = (stores.database, stores.schema, stores.redis)
# These would only say again that a store is away.
WITH_DATABASE: tuple[Check, ...] = (stores.secrets, work.hosts, work.schedules, work.stream, engines.docker,
                                    engines.dagger, engines.ports)
WITH_BOTH: tuple[Check, ...] = (machine.clock, work.workers, work.drift)


def examine() -> Iterator[Finding]:
    """What each check finds. One that cannot look says so, and hinders no other."""
    yield from _all(ALONE)
    found = list(_all(STORES))
    yield from found
    failed = {one.name for one in found if one.level == "failure"}
    has_database = not failed & {"Database", "Schema", "Database file"}
    if has_database:
        yield from _all(WITH_DATABASE)
    if has_database and "Redis" not in failed:
        yield from _all(WITH_BOTH)
    else:
        yield failure("The rest", "What needs the database, or both it and Redis, was not looked at.",
                      "Mend what is said above, then look again.")


def _all(checks: tuple[Check, ...]) -> Iterator[Finding]:
    for check in checks:
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001 - whatever is broken, the others must still be looked at
            reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
            yield failure(check.__name__.capitalize(), f"It could not be looked at: {reason}.",
                          "See that it runs and can be reached from here, then look again.")
