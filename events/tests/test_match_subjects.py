"""Subjects are asked for by pattern."""

from __future__ import annotations

import pytest
from django.utils import timezone

from events.actions import matching
from events.models import Event
from events.subjects import BadSubject

pytestmark = pytest.mark.django_db

SUBJECTS = (
    "hub.one.project.started", "hub.one.project.service.ready", "hub.one.projects.started", "hub.one.task.started",
    "hub.two.project.started", "hub.one.project", "hub.one.pro_ject.started", "hub.one.proXject.started",
)


@pytest.mark.parametrize(("pattern", "found"), [
    ("hub.one.project.started", {0}),
    ("hub.one.project.*", {0}),
    ("hub.one.project.>", {0, 1}),
    ("hub.*.project.started", {0, 4}),
    ("hub.*.project.>", {0, 1, 4}),
    ("*.one.*.started", {0, 2, 3, 6, 7}),
    ("hub.one.*", {5}),
    ("hub.one.*.*", {0, 2, 3, 6, 7}),
    ("hub.one.*.>", {0, 1, 2, 3, 6, 7}),
    ("hub.one.*.*.ready", {1}),
    ("hub.one.pro_ject.*", {6}),  # an underline is a character, no wildcard of the database
    ("hub.one.pro_ject.>", {6}),
    ("HUB.one.project.started", set()),
    ("HUB.one.>", set()),  # letter by letter, on every database
    ("hub.ONE.project.>", set()),
    ("hub.one.Project.*", set()),
    (">", set(range(8))),
    ("*", set()),
    ("*.>", set(range(8))),
    ("hub.three.>", set()),
])
def test_what_a_pattern_finds(pattern, found):
    Event.objects.bulk_create(Event(subject=subject, actor="hub", timestamp=timezone.now()) for subject in SUBJECTS)
    assert {SUBJECTS.index(event.subject) for event in matching(pattern)} == found


@pytest.mark.parametrize(("pattern", "words"), [
    ("", "part 1 is empty"), ("hub..started", "part 2 is empty"), ("hub.", "part 2 is empty"),
    ("hub.>.started", "only stand at the end"), ("hub.pro*", "part 2 is 'pro\\*'"), ("hub.a b", "part 2"),
    ("hub.%", "part 2"), ("hub.(", "part 2"), ("hub.a\n", "part 2"),
])
def test_what_is_no_pattern_is_told(pattern, words):
    with pytest.raises(BadSubject, match=words):
        matching(pattern)
