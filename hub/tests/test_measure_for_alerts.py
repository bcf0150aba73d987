"""What Hub stands on, and what it runs, as rules of alerts measure it."""

from __future__ import annotations

import os
import signal
from datetime import timedelta

import pytest
from django.utils import timezone

from alerts.evaluator import evaluate
from alerts.models import Alert, Look, Rule
from events.actions import record
from events.relay.numbering import number
from projects.actions import create_project
from projects.models import Project, Service
from projects.reconcile import reconcile
from projects.tests.stack_tasks import down, folder_of, pids_of, started

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_server")]


@pytest.fixture
def shop(tmp_path) -> Project:
    project = Project.objects.create(name="Shop", slug="shop", path=str(tmp_path), created_by="test")
    for name in ("web", "worker"):
        Service.objects.create(project=project, name=name, restarts=7)
    return project


def keep(builtin: str, **fields) -> None:
    """That rule alone, which holds for no time."""
    Rule.objects.exclude(builtin=builtin).delete()
    Rule.objects.update(**{"hold": 0, "calm": 0, **fields})


def firing() -> list[str]:
    return [str(one) for one in Alert.objects.filter(state="firing")]


def test_a_service_that_keeps_restarting_is_named_and_the_others_are_not(shop):
    keep("flapping")
    evaluate()  # what was before the first pass is nobody's to see
    assert firing() == []
    for restarts in (8, 9, 10):
        Service.objects.filter(name="web").update(restarts=restarts)
        evaluate()
    assert firing() == []
    Service.objects.filter(name="web").update(restarts=11)
    Service.objects.filter(name="worker").update(restarts=9)
    evaluate()
    assert firing() == ["A service keeps restarting: Shop/web"]
    assert Alert.objects.get().sentence == "Restarts of Shop/web: 4 (in 10 min), above 3."
    # A watch that follows remembers; ten minutes later it is over.
    look = Look.objects.get()
    past = (timezone.now() - timedelta(minutes=11)).timestamp()
    look.memory["services.restarts"]["seen"] = {
        key: [[past, times] for _, times in seen] for key, seen in look.memory["services.restarts"]["seen"].items()}
    look.save()
    evaluate()
    assert firing() == []


@pytest.mark.django_db(transaction=True)
def test_a_real_service_that_is_killed_again_and_again_is_seen_and_it_is_over_when_it_stays_up(eventually):
    folder = folder_of("flapping", "# hub: restart=always ready=up stay_up=0.1\nweb: exec sleep 100000\n")
    project = started(create_project(name="flapping", path=str(folder)))
    try:
        Rule.objects.exclude(builtin="flapping").update(enabled=False)
        evaluate()
        killed: set[int] = set()

        def another() -> int | None:
            pid = pids_of(project).get("web")
            return pid if pid not in killed else None

        for number in range(4):
            assert firing() == [], f"It fires after {number} restarts."
            pid = eventually(another, 60, "The service does not come back.")
            killed.add(pid)
            os.kill(pid, signal.SIGKILL)

        def seen() -> list[str]:
            reconcile()
            evaluate()
            return firing()

        assert eventually(seen, 60, "Nobody sees it.") == ["A service keeps restarting: flapping/web"]
        Rule.objects.filter(builtin="flapping").update(window=1)
        eventually(lambda: not seen(), 60, "It is never over.")
        assert Alert.objects.count() == 1
    finally:
        down(project)


def test_a_stack_that_is_started_anew_counts_from_zero(shop):
    keep("flapping", bound=0)
    evaluate()
    Service.objects.update(restarts=0)
    evaluate()
    assert firing() == []
    Service.objects.filter(name="web").update(restarts=1)
    evaluate()
    assert firing() == ["A service keeps restarting: Shop/web"]


def test_who_tries_passwords_is_told(client, eventually):
    keep("sign-in")
    guesses = [{"username": "root", "password": f"guess-{number}"} for number in range(10)]
    for guess in guesses[:9]:
        client.post("/sign-in/", guess, REMOTE_ADDR="192.0.2.9")
    evaluate()
    assert firing() == []
    client.post("/sign-in/", guesses[9], REMOTE_ADDR="192.0.2.9")
    evaluate()
    assert firing() == ["Somebody tries passwords: from 192.0.2.9"]
    Rule.objects.update(window=1)

    def is_over() -> bool:
        evaluate()
        return firing() == []

    eventually(is_over, 20, "It is never over.")


def test_the_disk(db):
    keep("disk", bound=1 << 62, resolve_bound=None)
    evaluate()
    assert firing() == ["The disk is nearly full"]
    Rule.objects.update(bound=1)
    evaluate()
    assert firing() == []


def test_events_that_nobody_gives_a_place(db):
    record("audit.tried", {})
    keep("relay", bound=0, resolve_bound=None)
    evaluate()
    assert firing() == ["Events lag behind"]
    assert "1 wait" in Alert.objects.get().sentence
    assert number() > 0
    Rule.objects.update(bound=0, resolve_bound=0)
    evaluate()
    assert firing() == []
