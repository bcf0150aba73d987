"""`manage.py doctor` names each thing that is wrong with a Hub, made wrong for real, and says what to do."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from hub.doctor.examination import examine
from hub.doctor.finding import Finding
from hub.watch import heartbeat_file
from projects.models import PortLease, Project
from tasks.models import Node
from tasks.schedules.models import Schedule

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def healthy(settings, redis_server, tmp_path: Path) -> None:
    """All but the workers is as it should be."""
    settings.HUB_BACKUP_DIR = tmp_path
    (tmp_path / f"hub-{settings.HUB_ID}-{timezone.now():%Y%m%dT%H%M%SZ}.tar").write_bytes(b"")
    redis_server.client().flushall()
    heartbeat_file().touch()
    Node.objects.all().delete()


def found(name: str) -> Finding:
    """What the doctor says under that name."""
    every = {one.name: one for one in examine()}
    return every[name]


def test_a_hub_that_is_well(healthy, workers):
    workers(1)
    heartbeat_file().touch()
    said = {one.name: (one.level, one.said, one.todo) for one in examine()}
    assert {name: facts for name, facts in said.items() if facts[0] != "ok"} == {}
    assert {"Python", "Packages", "Data folder", "Disk of the data folder", "Watch", "Backups", "Database", "Schema",
            "Redis", "Redis memory", "Secrets", "Schedules", "Event stream", "Docker Compose", "Ports", "Clock",
            "Workers", "Drift"} <= set(said)
    out = StringIO()
    call_command("doctor", stdout=out)
    assert "ok    Workers" in out.getvalue() and "FAIL" not in out.getvalue()


def test_it_ends_with_1_when_something_fails(healthy):
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--json", stdout=out)
    assert ended.value.code == 1
    failed = [one for one in json.loads(out.getvalue()) if one["level"] == "failure"]
    assert [(one["name"], one["said"]) for one in failed] == [("Workers", "No worker is alive: tasks wait.")]
    assert all(one["todo"] for one in failed)


def open_key(settings) -> None:
    (settings.HUB_DATA / "secret_key").chmod(0o644)


def missed_backup(settings) -> None:
    for path in settings.HUB_BACKUP_DIR.iterdir():
        path.unlink()
    (settings.HUB_BACKUP_DIR / f"hub-{settings.HUB_ID}-20260101T000000Z.tar").write_bytes(b"")


def dead_watch(settings) -> None:
    os.utime(heartbeat_file(), (0, 0))


def other_key(settings) -> None:
    project = Project.objects.create(name="Shop", slug="shop", path="/srv/shop", engine="process")
    project.environment = Fernet(Fernet.generate_key()).encrypt(b"{}")
    project.save()


def late_schedule(settings) -> None:
    Schedule.objects.create(name="Every night", job="demo.sleep", cron="0 3 * * *", created_by="mara",
                            next_run_at=timezone.now() - timedelta(hours=1))


def silent_node(settings) -> None:
    Node.objects.create(name="far", home="other", host="far-host", seen_at=timezone.now() - timedelta(hours=1))


def all_ports_leased(settings) -> None:
    settings.HUB_PORT_RANGE = (20000, 20001)
    project = Project.objects.create(name="Shop", slug="shop", path="/srv/shop", engine="process")
    for port in settings.HUB_PORT_RANGE:
        PortLease.objects.create(project=project, service=f"s{port}", container_port=80, host_port=port,
                                 node=settings.HUB_NODE)


def schema_of_a_newer_hub(settings) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO django_migrations (app, name, applied) "
                       "VALUES ('tasks', '9999_future', '2030-01-01')")


@pytest.mark.parametrize(("cause", "name", "words"), [
    (open_key, "Data folder", "Others may read"),
    (missed_backup, "Backups", "hours old"),
    (dead_watch, "Watch", "nothing is rescued"),
    (other_key, "Secrets", "The environment of shop cannot be decrypted"),
    (late_schedule, "Schedules", "Every night"),
    (silent_node, "Node far", "with no workers"),
    (all_ports_leased, "Ports", "2 of 2 ports"),
    (schema_of_a_newer_hub, "Schema", "tasks.9999_future"),
])
def test_what_is_wrong_is_named(healthy, settings, cause: Callable, name: str, words: str):
    try:
        cause(settings)
        one = found(name)
        assert one.level in ("warning", "failure") and words in one.said and one.todo
    finally:
        (settings.HUB_DATA / "secret_key").chmod(0o600)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE name = '9999_future'")


def test_a_redis_that_would_throw_queues_away(healthy, redis_server):
    client = redis_server.client()
    before = client.config_get("maxmemory-policy")["maxmemory-policy"]
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        one = found("Redis memory")
        assert one.level == "failure" and "allkeys-lru" in one.said and "noeviction" in one.todo
    finally:
        client.config_set("maxmemory-policy", before)


def test_without_redis_the_rest_is_still_looked_at(healthy, settings, tmp_path):
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock"
    every = {one.name: one for one in examine()}
    assert every["Redis"].level == "failure" and "could not be looked at" in every["Redis"].said
    assert every["Database"].level == every["Secrets"].level == "ok"
    assert every["The rest"].level == "failure"


def test_packages_of_another_version_are_named(healthy, settings, tmp_path):
    settings.BASE_DIR = tmp_path
    (tmp_path / "requirements.txt").write_text("# What is needed\nDjango~=1.0\nnot-there>=1  # nowhere\n")
    one = found("Packages")
    assert one.level == "failure" and "Django is" in one.said and "not-there is missing" in one.said
