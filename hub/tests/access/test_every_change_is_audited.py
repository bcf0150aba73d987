"""Whatever a person or a key changes, at any address of Hub, is an event with their name and address."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

from events.models import BY_PEOPLE, Event
from hub.tests.access.addresses import every, tables, written
from hub.tests.access.audience import KEYS, PEOPLE, Clients
from hub.tests.access.entries import Entry
from projects.binding import home_of
from retrospectives.tests.conftest import sprint
from tasks.actions import enqueue
from tasks.jobs import Sleep

# What changes nothing, or nothing of Hub's. Where something is to be changed that is not there (`demo`: such as a
# service of a stack that stands still), the test that is named looks for the event.
SILENT = {
    "sign-in/": "nobody is signed in by an empty form; accounts/tests looks at audit.signed-in",
    "sign-in/<str:token>/": "an unknown link; accounts/tests looks at audit.sign-in-link-used",
    "theme": "a cookie of the browser",
    "tasks/bulk/": "an empty selection; tasks/tests/test_change_many.py looks at audit.tasks-change",
    "tasks/saved/<int:pk>/rename/": "somebody else's; tasks/tests looks at one's own",
    "tasks/saved/<int:pk>/delete/": "somebody else's",
    "api/tasks/views/<view_id>": "somebody else's",
    "tasks/workers/<str:name>/<str:what>/": "no worker lives; tasks/tests/test_order_workers.py looks at worker.*",
    "api/workers/<worker_id>/drain": "no worker lives",
    "api/workers/<worker_id>/stop": "no worker lives",
    "api/workers/<worker_id>/kill": "no worker lives",
    "api/tasks/bulk/preview": "it only counts",
    "api/tasks/metrics/sync": "no source is configured",
    "sprints/sync/": "no source is configured",
}
