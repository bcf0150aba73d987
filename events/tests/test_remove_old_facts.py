"""Old facts are removed by age and domain, and in no other way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from events import actions
from events.actions import prune_before
from events.models import Event

pytestmark = pytest.mark.django_db


def fact(action: str, days: float) -> Event:
    then = timezone.now() - timedelta(days=days)
    return Event.objects.create(subject=f"hub.{settings.HUB_ID}.{action}", actor="x", timestamp=then)


def test_only_what_is_older_of_that_domain_goes():
    old, new, other = fact("task.created", 11), fact("task.created", 9), fact("tasks.created", 11)
    assert list(prune_before(timezone.now() - timedelta(days=10), "task")) == [1]
    assert set(Event.objects.all()) == {new, other} and old.pk


def test_the_rest_are_all_domains_but_those_named():
    kept = [fact("audit.signed-in", 99), fact("task.created", 99), fact("project.started", 1)]
    fact("project.started", 99)
    assert sum(prune_before(timezone.now() - timedelta(days=10), "", ["audit", "task"])) == 1
    assert set(Event.objects.all()) == set(kept)


def test_it_goes_in_short_steps(monkeypatch):
    monkeypatch.setattr(actions, "BATCH", 4)
    for _ in range(10):
        fact("task.created", 11)
    assert list(prune_before(timezone.now(), "task")) == [4, 4, 2]
    assert not Event.objects.exists()
