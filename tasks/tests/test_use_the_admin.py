"""Tasks in the admin site."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from tasks.actions import enqueue
from tasks.admin import SHOWN_LINES
from tasks.jobs import Sleep
from tasks.models import Attempt, LogLine, Task

LIST = "admin:tasks_task_changelist"


@pytest.fixture
def task(db) -> Task:
    task = enqueue(Sleep, {"seconds": 1}, subject="trial:1")
    Attempt.objects.create(task=task, number=1, worker="worker-1", host="h", pid=1, pid_started=1,
                           correlation_id=task.correlation_id)
    LogLine.objects.bulk_create(LogLine(task=task, text=f"line <{number}>") for number in range(SHOWN_LINES + 5))
    return task


def act(client, name: str, *tasks: Task) -> str:
    data = {"action": name, "_selected_action": [str(task.pk) for task in tasks]}
    return client.post(reverse(LIST), data, follow=True).content.decode()


def test_a_task_is_shown_with_its_attempts_and_the_end_of_its_log(admin_client, task):
    assert "Sleep for 1 s" in admin_client.get(reverse(LIST)).content.decode()
    page = admin_client.get(reverse("admin:tasks_task_change", args=[task.pk])).content.decode()
    assert "worker-1" in page and f"line &lt;{SHOWN_LINES + 4}&gt;" in page and "line &lt;0&gt;" not in page
    assert 'name="_save"' not in page


def test_nothing_can_be_added_changed_or_deleted(admin_client, task):
    assert admin_client.get(reverse("admin:tasks_task_add")).status_code == 403
    assert admin_client.post(reverse("admin:tasks_task_delete", args=[task.pk]), {"post": "yes"}).status_code == 403
    admin_client.post(reverse("admin:tasks_task_change", args=[task.pk]), {"state": "succeeded"})
    assert Task.objects.get(pk=task.pk).state == "queued"


def test_cancel_and_retry_are_actions(admin_client, task):
    assert "1 task was cancelled" in act(admin_client, "cancel", task)
    task.refresh_from_db()
    assert task.state == "cancelled" and task.reason == "Cancelled by admin."
    assert "already ended" in act(admin_client, "cancel", task)
    assert "1 task was started again" in act(admin_client, "retry", task)
    again = Task.objects.get(retry_of=task)
    assert again.actor == "admin" and "can be retried when it has ended" in act(admin_client, "retry", again)


def test_who_may_only_look_finds_no_actions(client, task):
    user = User.objects.create_user("viewer", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_task"))
    client.force_login(user)
    page = client.get(reverse(LIST)).content.decode()
    assert "Sleep for 1 s" in page and "Cancel the selected" not in page
    act(client, "cancel", task)
    assert Task.objects.get(pk=task.pk).state == "queued"
