"""Schemathesis asks every operation what its document allows, and what it does not, with keys of each role: no 5xx, no
status that is not documented, no answer that breaks its schema.

The same questions each time. `FUZZ_EXAMPLES=300 bin/test -n0 hub/tests/test_fuzz_the_api.py` asks many more, other ones
each time (`FUZZ_SEED=7`: those again).
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.actions import make_key
from accounts.models import Role
from hub.api import api
from hub.openapi import references
from hub.tests.access.addresses import tables
from hub.tests.access.rows import NAME
from hub.wsgi import application
from projects.binding import home_of

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES, SEED = int(os.environ.get("FUZZ_EXAMPLES", "0")), int(os.environ.get("FUZZ_SEED", "0"))
# What goes on for as long as somebody listens is tried by tests of its own; a repair takes its time when there is
# something to repair, and here all tasks look lost: nobody pushes them. A channel speaks with other hosts.
LEFT_OUT = {"stream_tasks", "stream_events", "repair_drift", "try_channel"}
# For each operation, by role. An operator is asked for most: what is refused to others is refused before the rest.
ASKED = {Role.VIEWER: 1, Role.OPERATOR: 3, Role.ADMIN: 1}
# A wait is what a script wants, and a test does not.
DROPPED = ("Prefer", "If-None-Match")


@pytest.fixture
def quiet() -> Iterator[None]:
    """Nobody reads of so many refusals; and requests keep the connection, which is in the test's transaction."""
    logging.disable(logging.CRITICAL)
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)
    logging.disable(logging.NOTSET)


@pytest.fixture
def known(db, redis_server, projects_folder: Path) -> Iterator[dict[str, Any]]:
    """By the name of a path's parameter, something that there is."""
    values: dict[str, Any] = {}
    for table in tables():
        for name, value in table.world(projects_folder).items():
            values[name.strip("<>").rpartition(":")[2]] = str(value)
        shutil.rmtree(home_of(NAME.lower()), ignore_errors=True)
    yield values


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
def test_no_question_breaks_anything(known, quiet, settings):
    settings.HUB_RATE_HOUR = settings.HUB_RATE_BURST = 1_000_000
    schema = schemathesis.openapi.from_dict(api.get_openapi_schema())
    schema.app = application
    keys = {role: {"Authorization": f"Bearer {make_key(f'fuzz {role}', role)[1]}", "Accept-Encoding": "identity"}
            for role in Role}
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.definition.raw["operationId"] in LEFT_OUT:
            continue
        questions = st.one_of(operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
                              operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
        _ask_its_example(operation, keys[Role.ADMIN], known)
        for role, number in ASKED.items():
            _ask(questions, keys[role], known, EXAMPLES or number)


def _ask_its_example(operation: Any, headers: dict[str, str], known: dict[str, Any]) -> None:
    """What the document itself gives as an example, about something that there is."""
    entry = references()[operation.definition.raw["operationId"]]
    body = {} if entry.request is None else {"body": entry.request, "media_type": "application/json"}
    path = {one.name: known.get(one.name, 1) for one in operation.path_parameters}
    case = operation.Case(path_parameters=path, query=dict(entry.query), **body)
    with transaction.atomic():
        answer = case.call(headers=headers)
        transaction.set_rollback(True)
    case.validate_response(answer, checks=CHECKS)


def _ask(questions: st.SearchStrategy, headers: dict[str, str], known: dict[str, Any], number: int) -> None:
    @given(case=questions, is_known=st.booleans())
    def ask(case: Any, is_known: bool) -> None:
        if is_known and case.path_parameters:
            case.path_parameters.update({name: known[name] for name in case.path_parameters if name in known})
        for name in DROPPED:
            case.headers.pop(name, None)
        with transaction.atomic():
            answer = case.call(headers=headers)
            transaction.set_rollback(True)
        case.validate_response(answer, checks=CHECKS)

    options = {"max_examples": number, "deadline": None, "database": None, "suppress_health_check": list(HealthCheck),
               "phases": [Phase.explicit, Phase.generate], "derandomize": not EXAMPLES}
    hypothesis_settings(**options)(seed(SEED)(ask) if SEED else ask)()
