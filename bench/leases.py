"""`python -m bench.leases COUNT LEASES...`: seconds of COUNT creates while so many leases are present, as JSON
`[{"leases", "create": [...], "bare": [...]}]`. Runs on the database of its environment, which it fills."""

from __future__ import annotations

import json
import sys
import time

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction

django.setup()

from projects.actions import create_project  # noqa: E402 - models can be imported only now
from projects.engines import host_ports  # noqa: E402
from projects.models import PortLease, Project  # noqa: E402

PORTS = 4


def main(count: int, present: list[int]) -> None:
    call_command("migrate", interactive=False, verbosity=0)
    shop = str(settings.HUB_EXAMPLES / "shop")
    create_project(name="First", path=shop).delete()  # what only the first one costs, such as imports
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_port (port integer PRIMARY KEY)")
    print(json.dumps([_with(leases, count, shop) for leases in present]))


def _with(leases: int, count: int, shop: str) -> dict:
    """Creates and bare binds in turns, each undone, so that the number of leases stays."""
    while PortLease.objects.count() < leases:
        create_project(name=f"Present {Project.objects.count()}", path=shop)
    seen: dict = {"leases": PortLease.objects.count(), "create": [], "bare": []}
    for number in range(count):
        began = time.perf_counter()
        project = create_project(name=f"New {number}", path=shop)
        seen["create"].append(time.perf_counter() - began)
        project.delete()
        began = time.perf_counter()
        _bare()
        seen["bare"].append(time.perf_counter() - began)
    return seen


def _bare() -> None:
    """The least that a lease of four ports can cost: a bind and an insert for each, in one transaction."""
    _, high = settings.HUB_PORT_RANGE
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM bench_port")
        for port in range(high + 1, high + 1 + PORTS):
            host_ports.is_free(port)
            cursor.execute("INSERT INTO bench_port VALUES (%s)", [port])


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(word) for word in sys.argv[2:]])
