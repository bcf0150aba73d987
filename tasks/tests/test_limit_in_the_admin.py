"""Lanes and caps of subjects in the admin site: the same rules, and the same trace, as on their page."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from events.models import Event
from tasks.lanes import LANES
from tasks.models import Lane, SubjectCap

pytestmark = pytest.mark.django_db
LANE_LIST, CAP_LIST = reverse("admin:tasks_lane_changelist"), reverse("admin:tasks_subjectcap_changelist")


def recorded() -> list[tuple[str, str]]:
    return [(event.subject.split(".", 2)[2], event.actor) for event in Event.objects.filter(subject__contains=".lane.")]


def change(client, name: str, **fields):
    client.get(LANE_LIST)
    return client.post(reverse("admin:tasks_lane_change", args=[name]), fields, follow=True)


def test_every_lane_is_there_and_its_limits_are_set_with_a_trace(admin_client):
    page = admin_client.get(LANE_LIST).content.decode()
    assert all(f">{name}</a>" in page for name in LANES)
    change(admin_client, "stacks", cap=2, rate=3, period="10", paused="on")
    lane = Lane.objects.get(pk="stacks")
    assert (lane.cap, lane.rate, lane.period, lane.paused) == (2, 3, 10.0, True)
    assert lane.reason == "Paused by admin."
    assert sorted(recorded()) == [("lane.limited", "admin"), ("lane.paused", "admin")]
    # What the form says is what counts: an empty limit is none.
    change(admin_client, "stacks")
    lane.refresh_from_db()
    assert (lane.cap, lane.rate, lane.period, lane.paused) == (None, None, None, False)


@pytest.mark.parametrize(("fields", "message"), [
    ({"cap": 0}, "cap must be a whole number"), ({"rate": 3}, "give both rate and period"),
    ({"rate": 3, "period": 0}, "period must be from"), ({"cap": "many"}, "Enter a whole number"),
])  # fmt: skip
def test_what_cannot_be_a_limit_is_refused_beside_its_field(admin_client, fields, message):
    page = change(admin_client, "default", **fields).content.decode()
    assert message in page
    assert Lane.objects.get(pk="default").cap is None and not recorded()


def test_lanes_are_paused_and_resumed_by_actions_and_neither_added_nor_deleted(admin_client):
    admin_client.get(LANE_LIST)
    for action, paused in (("pause", True), ("resume", False)):
        admin_client.post(LANE_LIST, {"action": action, "_selected_action": ["reports", "metrics"]})
        assert set(Lane.objects.filter(paused=paused).values_list("name", flat=True)) >= {"reports", "metrics"}
    assert admin_client.get(reverse("admin:tasks_lane_add")).status_code == 403
    assert admin_client.post(reverse("admin:tasks_lane_delete", args=["stacks"]), {"post": "yes"}).status_code == 403


def test_a_cap_of_subjects_is_added_changed_and_removed_with_a_trace(admin_client):
    add = reverse("admin:tasks_subjectcap_add")
    assert "Enter a whole number" in admin_client.post(add, {"prefix": "x:", "cap": "x"}).content.decode()
    assert "cap must be a whole number" in admin_client.post(add, {"prefix": "x:", "cap": 0}).content.decode()
    assert not SubjectCap.objects.exists()
    admin_client.post(add, {"prefix": "projects.project:", "cap": 2})
    row = SubjectCap.objects.get()
    admin_client.post(reverse("admin:tasks_subjectcap_change", args=[row.pk]), {"prefix": "other", "cap": 5})
    row.refresh_from_db()
    assert (row.prefix, row.cap) == ("projects.project:", 5)
    admin_client.post(reverse("admin:tasks_subjectcap_delete", args=[row.pk]), {"post": "yes"})
    assert not SubjectCap.objects.exists()
    assert sorted(name for name, _ in recorded()) == [
        "lane.subject_capped", "lane.subject_capped", "lane.subject_uncapped",
    ]  # fmt: skip


def test_who_may_only_look_changes_nothing(client, admin_client):
    admin_client.get(LANE_LIST)
    user = User.objects.create_user("viewer", password="x", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=["view_lane", "view_subjectcap"]))
    client.force_login(user)
    assert client.get(LANE_LIST).status_code == client.get(CAP_LIST).status_code == 200
    client.post(reverse("admin:tasks_lane_change", args=["stacks"]), {"cap": 1})
    client.post(LANE_LIST, {"action": "pause", "_selected_action": ["stacks"]})
    lane = Lane.objects.get(pk="stacks")
    assert lane.cap is None and not lane.paused
