"""Every address of Hub, asked by everybody: who may, and what the others are answered."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from django.core.signals import request_finished
from django.db import close_old_connections, transaction
from django.http.response import HttpResponseBase

from hub.tests.access.addresses import covered, every, tables, written
from hub.tests.access.audience import EVERYBODY, KEYS, PEOPLE, Audience, Clients
from hub.tests.access.entries import METHODS, Entry
from hub.tests.access.rows import NAME
from projects.binding import home_of


@pytest.fixture
def quiet() -> Iterator[None]:
    """Hundreds of refusals are what is wanted here, and nobody reads them."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_every_address_has_an_entry_and_every_entry_an_address():
    asked, found = every(), tables()
    missing = {address for address in asked if all(covered(one.TABLE, address) is None for one in found)}
    assert not missing, (
        f"Nobody said who may use these addresses: {', '.join(sorted(missing))}. "
        "Add them to TABLE in hub/tests/access/table_<app>.py (hub/tests/access/entries.py says how)."
    )
    used = {covered(one.TABLE, address) for one in found for address in asked}
    stale = {name for one in found for name in one.TABLE} - used
    assert not stale, f"There is nothing at these addresses any more: {', '.join(sorted(stale))}. Take them away."


@pytest.mark.parametrize("table", tables(), ids=lambda table: table.__name__.rpartition("table_")[2])
def test_everybody_is_answered_as_the_table_says(table: ModuleType, db, redis_server, quiet,
                                                    projects_folder: Path):
    clients, values = Clients(), table.world(projects_folder)
    wrong = []
    for address in sorted(every()):
        name = covered(table.TABLE, address)
        if name is None:
            continue
        path = written(address, values)
        for method, entry in table.TABLE[name].items():
            for audience in EVERYBODY:
                answer = _asked(clients, audience, method, path, entry)
                status = answer.status_code
                if status != entry.expected(audience):
                    wrong.append(f"{method} {path} by {audience.name}: {status}, not {entry.expected(audience)}")
                elif not _keeps_inline_out(answer):
                    wrong.append(f"{method} {path} lets {audience.name} run what is inline")
                elif audience.limited and not answer.streaming and NAME.encode() in answer.content:
                    wrong.append(f"{method} {path} tells {audience.name} of {NAME}")
        if not name.startswith(("admin/", "rq/")):  # others wrote these: they take whatever method for GET
            wrong += _other_methods(clients, path, set(table.TABLE[name]))
    shutil.rmtree(home_of(NAME.lower()), ignore_errors=True)
    assert not wrong, "\n".join(wrong)


def _keeps_inline_out(answer: HttpResponseBase) -> bool:
    policy = answer.headers.get("Content-Security-Policy", "")
    return "default-src 'self'" in policy and "unsafe" not in policy and "*" not in policy


def _other_methods(clients: Clients, path: str, known: set[str]) -> list[str]:
    audience = KEYS["admin"] if path.startswith("/api/") else PEOPLE["admin"]
    found = {method: _asked(clients, audience, method, path).status_code for method in METHODS if method not in known}
    return [f"{method} {path} is not in the table, and answers {status}, not 405"
            for method, status in found.items() if status != 405]


def _asked(clients: Clients, audience: Audience, method: str, path: str, entry: Entry | None = None
           ) -> HttpResponseBase:
    """The answer; what the request changed is taken back."""
    client, options = clients[audience], {}
    if entry is not None:
        is_json = entry.is_json and method != "GET"
        options = {"data": dict(entry.sends)} | ({"content_type": "application/json"} if is_json else {})
    with transaction.atomic():
        response = getattr(client, method.lower())(path, **options)
        _close(response)
        transaction.set_rollback(True)
    return response


def _close(response: HttpResponseBase) -> None:
    # What streams is not listened to: it gives its place back, and the test keeps its database.
    if response.streaming:
        request_finished.disconnect(close_old_connections)
        response.close()
        request_finished.connect(close_old_connections)
