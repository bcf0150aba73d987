"""Requests that arrive at the same moment, over real HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from accounts.actions import make_key
from projects.models import PortLease, Project
from tasks.models import Task


@pytest.fixture
def post(live_server, redis_server):
    key = make_key("script", "operator")[1]

    def send(path: str, body: Any = None) -> tuple[int, Any]:
        request = urllib.request.Request(f"{live_server.url}{path}", method="POST",
                                         data=json.dumps(body).encode() if body else b"",
                                         headers={"Authorization": f"Bearer {key}"})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    return send


def test_twenty_projects_created_at_once_have_twenty_ports(post, projects_folder):
    def create(number: int) -> tuple[int, Any]:
        return post("/api/projects", {"name": f"Shop {number}", "path": str(projects_folder)})

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(create, range(20)))
    assert [status for status, _ in answers] == [201] * 20, answers
    assert PortLease.objects.count() == len({lease.host_port for lease in PortLease.objects.all()}) == 20


def test_one_name_asked_for_ten_times_at_once_is_one_project(post, projects_folder):
    body = {"name": "Shop", "path": str(projects_folder)}
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: post("/api/projects", body), range(10)))
    assert sorted(status for status, _ in answers) == [201] + [409] * 9, answers
    assert Project.objects.count() == PortLease.objects.count() == 1


def test_ten_starts_at_once_are_one_task(post, projects_folder):
    project = post("/api/projects", {"name": "Shop", "path": str(projects_folder)})[1]["id"]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: post(f"/api/orchestration/{project}/start"), range(10)))
    assert {status for status, _ in answers} == {202}, answers
    assert {body["task_id"] for _, body in answers} == {str(Task.objects.get().pk)}
