"""Sprints to try with, people, and an HTTP source of sprints that misbehaves as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from accounts.models import Role
from accounts.roles import give_role
from retrospectives.metrics import METRICS

STEP = {"review_time": 8.0, "coding_time": 6.0, "testing_time": 4.0}
"""From the seventh sprint on these are so much higher: a review bottleneck."""


def sprint(number: int, **more: Any) -> dict[str, Any]:
    """Sprint `number`, two weeks long, as a source gives it. Its values go a little up and down."""
    start = date(2026, 1, 5) + timedelta(days=14 * (number - 1))
    little = (number * 7 % 5 - 2) / 10
    return {
        "sprint_id": f"s-{number}", "sprint_name": f"Sprint {number}", "start_date": str(start),
        "end_date": str(start + timedelta(days=11)), "team_happiness": 7 + little,
        "story_points_completed": 30 + number % 3,
        "story_points_planned": 34, "story_point_distribution": {"small": 12, "medium": 12 + number % 2, "large": 6},
        "items_completed": 11 + number % 2, "items_carried_over": number % 3,
        **{key: round(10 + little * (at + 1) + (STEP[key] if number > 6 else 0), 2) for at, key in enumerate(STEP)},
        **more,
    }  # fmt: skip


def csv_of(sprints: list[dict[str, Any]]) -> str:
    """The same as a file that a spreadsheet would save."""
    flat = [{**{key: value for key, value in one.items() if key != "story_point_distribution"},
             **{f"points_{size}": value for size, value in one.get("story_point_distribution", {}).items()}}
            for one in sprints]
    names = list(flat[0])
    assert set(names) & set(METRICS)
    return "\n".join([",".join(names), *(",".join(str(one.get(name, "")) for name in names) for one in flat)]) + "\n"


@pytest.fixture
def person(db) -> Callable[[Role], Client]:
    """`person(Role.OPERATOR)`: a browser in which somebody of that role is signed in."""

    def signed_in(role: Role) -> Client:
        user = get_user_model().objects.create_user(f"{role.value}-{get_user_model().objects.count()}", password="x")
        give_role(user, role)
        client = Client()
        client.force_login(user)
        return client

    return signed_in


@dataclass
class Source:
    """A source of sprints. `answers`: what to answer next, as (status, headers, body); the last one is repeated."""

    url: str
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def say(self, content: Any, status: int = 200, **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.answers.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, body))


SILENT = -1
"""The status of an answer that does not come."""


@pytest.fixture
def source() -> Iterator[Source]:
    silence = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked.append((self.path, self.headers.get("Authorization", "")))
            status, headers, body = told.answers.pop(0) if len(told.answers) > 1 else told.answers[0]
            if status == SILENT:
                silence.wait(30)
                return
            if status == 0:  # the connection is cut
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Source(f"http://127.0.0.1:{server.server_port}/api")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield told
    silence.set()
    server.shutdown()
    server.server_close()
    thread.join(5)
