"""Whatever a person or a key changes, at any address of Hub, is an event with their name and address."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from events.models import BY_PEOPLE, Event
from hub.tests.access.addresses import every, tables, written
from hub.tests.access.audience import KEYS, PEOPLE, Clients
from hub.tests.access.entries import METHODS, Entry
from hub.tests.access.table_alerts import UNTIL
from projects.binding import home_of
from retrospectives.tests.conftest import csv_of, sprint

# What changes nothing, or nothing of Hub's, with the reason. Where something would have to be there that is not, such
# as a worker, the test that is named looks for the event.
SILENT = {
    "sign-in/": "an empty form signs nobody in; accounts/tests looks at audit.signed-in",
    "sign-in/forgotten/": "this Hub sends no mail; accounts/tests/test_keep_an_account.py looks at the link",
    "account/password/": "no password is sent; accounts/tests/test_keep_an_account.py looks at audit.person-changed",
    "account/sessions/end/": "there is one session; accounts/tests looks at audit.sessions-ended",
    "account/sessions/<str:key>/end/": "no such session",
    "people/<int:user_id>/sessions/end/": "they have none; accounts/tests looks at audit.sessions-ended",
    "people/<int:user_id>/grant/": "no project is named; accounts/tests/test_keep_people.py grants one",
    "theme": "a cookie of the browser",
    "projects/adopt/": "nothing runs that could be adopted; projects/tests looks at project.adopted",
    "api/projects/adoptable": "nothing runs that could be adopted",
    "projects/<int:pk>/restart/<str:service>/": "nothing runs; a restart begins by the enqueue that a start does",
    "api/orchestration/<project_id>/restart/<service>": "nothing runs",
    "projects/<int:pk>/build/": "nothing to build in a Procfile; it begins by the enqueue that a start does",
    "api/orchestration/<project_id>/build": "nothing to build in a Procfile",
    "projects/<int:pk>/roll-back/": "there is nothing to go back to; it begins by the enqueue that a start does",
    "api/orchestration/<project_id>/rollback": "there is nothing to go back to",
    "tasks/saved/<int:pk>/rename/": "somebody else's; tasks/tests/search/test_save_views.py renames one's own",
    "tasks/saved/<int:pk>/delete/": "somebody else's",
    "api/tasks/views/<view_id>": "somebody else's",
    "tasks/bulk/": "an empty selection; the same as api/tasks/bulk, which is not silent",
    "tasks/workers/<str:name>/<str:what>/": "no worker lives; tasks/tests/test_order_workers.py looks at worker.*",
    "api/workers/<worker_id>/drain": "no worker lives",
    "api/workers/<worker_id>/stop": "no worker lives",
    "api/workers/<worker_id>/kill": "no worker lives",
    "api/tasks/bulk/preview": "it only counts",
    "api/tasks/metrics/sync": "no source is configured; it begins by the enqueue of every task",
    "alerts/channels/<int:pk>/": "its kind is not there; the same as PATCH of the API, which is not silent",
    "analytics/reports/<int:pk>/schedule/": "no channel is there; analytics/builder/tests looks at schedule.created",
    "api/analytics/reports/<int:kept_id>/schedule": "no channel is there",
    "sprints/sync/": "no source is configured",
}
PLAN = {"name": "Weekly", "job": "demo.sleep", "params": '{"seconds": 1}', "kind": "cron", "cron": "0 3 * * mon",
        "zone": "UTC", "overlap": "skip", "priority": "5"}


def typed(one: dict[str, Any]) -> dict[str, Any]:
    """A sprint as a form sends it."""
    return {name: value for name, value in one.items() if not isinstance(value, dict)}


RULE = {"name": "Long queue", "measure": "tasks.oldest", "compare": "above", "bound": "5 min", "resolve_bound": "60",
        "hold": "30 s", "calm": "1 min", "window": "10 min", "minimum": "0", "level": "error", "enabled": "on"}
HOOK = "https://hooks.invalid/alerts"
FILE = csv_of([sprint(12)])
# What changes something, where the table of who may ask is content with a refusal. `{folder}` is a project's.
GIVEN: Mapping[tuple[str, str], dict[str, Any]] = {
    ("POST", "people/invite/"): {"name": "somebody", "role": "viewer"},
    ("POST", "keys/create/"): {"name": "made", "scope": "read"},
    ("POST", "projects/new/"): {"name": "New", "path": "{folder}"},
    ("POST", "projects/<int:pk>/environment/"): {"add": "COLOUR=red"},
    ("POST", "projects/<int:pk>/copy/"): {"name": "Copy"},
    ("POST", "projects/<int:pk>/settings/"): {"name": "Renamed"},
    ("POST", "api/projects"): {"name": "New", "path": "{folder}"},
    ("POST", "sprints/new/"): typed(sprint(12)),
    ("POST", "sprints/<int:pk>/"): typed(sprint(1)) | {"sprint_name": "Renamed"},
    ("POST", "retrospectives/experiments/<int:pk>/begin/"): {"owner": "mara"},
    ("POST", "api/sprints/import"): {"content": FILE},
    ("POST", "tasks/schedules/new/"): PLAN,
    ("POST", "tasks/schedules/<int:pk>/"): PLAN,
    ("POST", "alerts/rules/new/"): RULE,
    ("POST", "alerts/rules/<int:pk>/"): RULE,
    ("POST", "alerts/channels/new/"): {"kind": "webhook", "name": "Ops", "config-url": HOOK},
    ("POST", "api/alerts/channels"): {"kind": "webhook", "name": "Ops", "config": {"url": HOOK}},
    ("POST", "analytics/reports/keep/"): {"name": "Of jobs", "query": "group=job"},
    ("POST", "analytics/reports/exports/begin/"): {"query": "group=job"},
}
# What has to be done before, so that it changes something.
FIRST: Mapping[tuple[str, str], tuple[str, str, dict[str, Any]]] = {
    ("POST", "projects/<int:pk>/cancel/"): ("POST", "projects/<int:pk>/start/", {}),
    ("POST", "tasks/schedules/<int:pk>/resume/"): ("POST", "tasks/schedules/<int:pk>/pause/", {}),
    ("POST", "api/schedules/<schedule_id>/resume"): ("POST", "api/schedules/<schedule_id>/pause", {}),
    ("POST", "tasks/<uuid:pk>/retry/"): ("POST", "tasks/<uuid:pk>/cancel/", {}),
    ("POST", "api/tasks/<task_id>/retry"): ("DELETE", "api/tasks/<task_id>", {}),
    ("DELETE", "api/subject-caps"): ("PUT", "api/subject-caps", {"prefix": "shop:", "cap": 2}),
    ("POST", "alerts/rules/<int:pk>/unmute/"): ("POST", "alerts/rules/<int:pk>/mute/", {"length": "1 h"}),
    ("POST", "api/alerts/rules/<int:rule_id>/unmute"): (
        "POST", "api/alerts/rules/<int:rule_id>/mute", {"until": UNTIL}),
    ("POST", "webhooks/<int:pk>/pause/"): ("POST", "webhooks/<int:pk>/resume/", {}),
}


@pytest.fixture
def quiet() -> Iterator[None]:
    """What is refused is said by the test."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("table", tables(), ids=lambda table: table.__name__.rpartition("table_")[2])
def test_whoever_changes_something_is_named(table: ModuleType, db, redis_server, quiet, projects_folder: Path):
    clients, values = Clients(), table.world(projects_folder)
    wrong = []
    for address, method, entry in _changes(table):
        status, said = _changed(clients, values, method, address, entry, projects_folder)
        if said is None and address not in SILENT:
            wrong.append(f"{method} {address} ({status}) wrote no event of who did it.")
        if said is not None and address in SILENT:
            wrong.append(f"{method} {address} is said to be silent, and wrote {said.subject}.")
    shutil.rmtree(home_of("asked"), ignore_errors=True)
    assert not wrong, "\n".join([
        *wrong, "Write an event (events.actions.record), or say in GIVEN what makes a change, or in SILENT why not."])


def test_nothing_is_excused_that_is_not_there():
    assert {*SILENT, *(address for _, address in (*GIVEN, *FIRST))} <= every()


def _changes(table: ModuleType) -> Iterator[tuple[str, str, Entry]]:
    known = every()
    for address, entries in table.TABLE.items():
        if address not in known or address.startswith(("admin/", "rq/")):
            continue
        for method, entry in entries.items():
            if method != "GET" and len(entries) < len(METHODS):  # else it is answered the same whatever the method
                yield address, method, entry


def _changed(clients: Clients, values: Mapping[str, Any], method: str, address: str, entry: Entry, folder: Path
             ) -> tuple[int, Event | None]:
    """The status, and the newest event that names who asked; what the requests changed is taken back."""
    is_key = entry.is_json and entry.refusal(KEYS["admin"]) is None
    client = clients[KEYS["admin"] if is_key else PEOPLE["admin"]]
    actor = f"key:{KEYS['admin'].name}" if is_key else PEOPLE["admin"].name

    def ask(method: str, address: str, sends: Mapping[str, Any]) -> int:
        data = {name: str(folder) if value == "{folder}" else value for name, value in sends.items()}
        if address == "sprints/import/":
            data = {"file": SimpleUploadedFile("sprints.csv", FILE.encode())}
        options = {"data": data} | ({"content_type": "application/json"} if entry.is_json else {})
        query = "?prefix=shop:" if method == "DELETE" and address == "api/subject-caps" else ""
        return getattr(client, method.lower())(f"{written(address, values)}{query}", **options).status_code

    with transaction.atomic():
        if before := FIRST.get((method, address)):
            ask(*before)
        known = Event.objects.count()
        status = ask(method, address, GIVEN.get((method, address), entry.sends))
        new = list(Event.objects.order_by("-pk")[: Event.objects.count() - known])
        transaction.set_rollback(True)
    return status, next((one for one in new if one.origin in BY_PEOPLE and one.actor == actor
                         and one.address == "127.0.0.1"), None)
