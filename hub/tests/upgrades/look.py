"""Brings databases up to date, looks at what is in them by pages and API, starts a task, and prints for each a line of
JSON: what `test_upgrade.py` gives to `manage.py shell`. OLD_DATABASES has their names, each with an API key of then.
Hub is loaded once; each database has a fork of its own, in which nothing is known of another."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client

from events.models import Event
from hub.doctor import stores
from projects.models import Project
from tasks.models import Task

logging.disable(logging.WARNING)
# Pages must render without collectstatic.
settings.STORAGES = {
    **settings.STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}


def planned() -> int:
    """How many migrations are to be applied."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def rows() -> dict[str, int]:
    """How many rows each table has, whatever the version that made it."""
    with connection.cursor() as cursor:
        found = {}
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")
            (found[table],) = cursor.fetchone()
        return found


def told(client: Client, text: str, page: str) -> bool:
    """Whether the page is there and says that."""
    answer = client.get(page)
    return answer.status_code == 200 and text in answer.text


def upgraded(key: str) -> dict[str, Any]:
    """What is seen of the database at hand after it was brought up to date."""
    seen = {"before": rows(), "migrated": planned()}
    call_command("migrate", interactive=False, verbosity=0)
    seen |= {"left": planned(), "after": rows()}
    seen["broken"] = [one.said for part in (stores.database, stores.schema, stores.secrets) for one in part()
                      if one.level == "failure"]

    client = Client(headers={"host": "127.0.0.1"})
    client.post("/sign-in/", {"username": "mara", "password": "crumbs-of-2026"})
    project = Project.objects.get(name="Bakery")
    failed = Task.objects.filter(state="failed").earliest("id")
    done = Task.objects.filter(state="succeeded", job="demo.sleep").earliest("id")
    event = Event.objects.filter(subject__endswith=".task.failed").earliest("id")
    seen["pages"] = {page: told(client, text, page) for page, text in {
        "/": "Bakery", "/projects/": "Bakery", f"/projects/{project.pk}/": "Bakery",
        f"/projects/{project.pk}/environment/": "OVEN", "/tasks/": "Sleep for 1 s", "/tasks/?q=oven": str(failed.pk),
        f"/tasks/{failed.pk}/": "The oven went cold.", f"/tasks/{done.pk}/": "Nap 2 of 2", "/tasks/monitor/": "default",
        "/tasks/schedules/": "Dawn", "/events/": "task.failed", f"/events/{event.pk}/": str(failed.pk),
        "/analytics/": "Analytics", "/account/": "mara",
    }.items()}

    script = Client(headers={"host": "127.0.0.1", "authorization": f"Bearer {key}"})
    oven = script.get("/api/tasks/search", {"q": "oven"}).json()
    seen["found"] = [one["error"] for one in oven.get("items", [])]
    nap = {"job": "demo.sleep", "params": {"seconds": 1}}
    started = script.post("/api/tasks", nap, content_type="application/json")
    seen["started"] = started.status_code, started.json().get("state", started.text)
    return seen


# Before the forks: it loads everything that they use.
call_command("check", fail_level="WARNING")
connection.close()
for name, key in json.loads(os.environ["OLD_DATABASES"]):
    sys.stdout.flush()
    child = os.fork()
    if not child:
        code = 1
        try:
            connection.settings_dict["NAME"] = name
            print(json.dumps(upgraded(key)), flush=True)
            code = 0
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        finally:
            os._exit(code)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{name}: see above.")
