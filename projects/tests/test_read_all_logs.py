"""Somebody reads all logs of a stack as one, follows them, looks for a text, and takes them home."""

import asyncio
import io
import json
import shutil
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from accounts.tests.api_client import error_of
from accounts.tests.people import signed_in
from projects import actions, logs
from projects.binding import home_of
from projects.errors import ProjectError
from projects.logs import read_all, search, since_of, stream
from projects.tests.stack_tasks import folder_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    path = folder_of("spoken", "web: serve $PORT\nworker: work\n")
    project = actions.create_project(name="spoken", path=str(path))
    yield project
    shutil.rmtree(home_of(project.slug), ignore_errors=True)


def say(project, service: str, lines: list[tuple[float, str]]) -> Path:
    """Put lines into a log of the first run as if they had been seen at these seconds (since the epoch)."""
    log = home_of(project.slug) / "run" / "logs" / "1" / f"{service}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file, Path(f"{log}.times").open("a") as times:
        for at, text in lines:
            file.write(f"{text}\n")
            file.flush()
            times.write(f"{at - 0.25:.3f} {at:.3f} {log.stat().st_size}\n")
    return log


@pytest.fixture
def spoken(project):
    now = time.time() - 100
    say(project, "web", [(now + 1, "web first"), (now + 3, "web asks worker"), (now + 6, "ERROR web gives up")])
    say(project, "worker", [(now + 2, "worker first"), (now + 4, "worker works"), (now + 5, "worker is done")])
    return project


IN_ORDER = ["web first", "worker first", "web asks worker", "worker works", "worker is done", "ERROR web gives up"]


def body_of(answer) -> str:
    async def collected() -> bytes:
        return b"".join([piece async for piece in answer.streaming_content])

    return asyncio.run(collected()).decode()


def test_the_logs_of_all_services_are_one_by_time(spoken):
    part = read_all(spoken)
    assert [entry.text for entry in part.entries] == IN_ORDER
    assert [entry.text for entry in read_all(spoken, tail=2).entries] == IN_ORDER[-2:]
    assert [entry.source for entry in read_all(spoken, ["worker"]).entries] == ["worker"] * 3
    say(spoken, "worker", [(time.time(), "one more")])
    more = read_all(spoken, cursor=part.cursor)
    assert [(entry.source, entry.text) for entry in more.entries] == [("worker", "one more")]
    assert read_all(spoken, cursor=more.cursor).cursor == more.cursor


def test_since_is_read_from_the_clock(spoken):
    now = timezone.now()
    assert since_of("10m", now) == now - timedelta(minutes=10) and since_of("") is None
    assert since_of("2026-11-22T18:30:00Z").isoformat() == "2026-11-22T18:30:00+00:00"
    with pytest.raises(ProjectError, match="is no time"):
        since_of("yesterday")
    moment = read_all(spoken).entries[3].moment.at
    assert [entry.text for entry in read_all(spoken, since=moment).entries] == IN_ORDER[3:]


def test_a_search_is_literal_and_looks_at_all_that_is_kept(spoken):
    say(spoken, "web", [(time.time(), f"noise {number}") for number in range(300)] + [(time.time(), "a [WORK] b")])
    found = search(spoken, "work")
    assert [entry.text for entry in found.entries] == [*IN_ORDER[1:5], "a [WORK] b"]
    assert (found.hits, found.lines, found.unread) == (5, 307, ())
    assert [entry.text for entry in search(spoken, "[WORK]").entries] == ["a [WORK] b"]
    assert search(spoken, ".*").hits == 0


def test_a_search_ends_in_bounded_time_and_says_what_it_has_not_read(spoken, monkeypatch):
    say(spoken, "web", [(time.time(), "x" * 300_000), (time.time(), "y" * 300_000), (time.time(), "the end")])
    monkeypatch.setattr(logs, "SEARCH_SECONDS", 0.0)
    found = search(spoken, "the end")
    assert "web" in found.unread and found.hits == 0


def test_what_is_streamed_is_in_order_and_whole(spoken):
    say(spoken, "web", [(time.time() + number, f"line {number} " + "x" * 5000) for number in range(200)])
    said = list(stream(spoken))
    assert [entry.text for entry in said[:6]] == IN_ORDER and len(said) == 206


def test_the_page_shows_time_and_source_and_marks_what_is_found(spoken):
    viewer = signed_in("viewer")
    text = viewer.get(reverse("projects:logs", args=[spoken.pk])).content.decode()
    assert "All services, by time" in text and text.index("worker is done") < text.index("web gives up")
    assert '<span class="src">worker</span>' in text and "or up to 0.2 s before" in text
    text = viewer.get(reverse("projects:logs", args=[spoken.pk]), {"q": "WORK"}).content.decode()
    assert "<mark>work</mark>er <mark>work</mark>s" in text and "4 lines match in 6" in text
    assert "No line holds" in viewer.get(reverse("projects:logs", args=[spoken.pk]), {"q": "<b>"}).content.decode()
    file = viewer.get(reverse("projects:log-file", args=[spoken.pk]))
    assert body_of(file).splitlines()[0].endswith("Z web | web first")


def test_the_api_reads_searches_and_downloads(spoken, api):
    viewer = api("viewer")
    body = viewer.get(f"/api/projects/{spoken.pk}/logs").json()
    assert [item["text"] for item in body["items"]] == IN_ORDER
    assert body["items"][0]["source"] == "web" and body["items"][0]["within"] == 0.25
    say(spoken, "web", [(time.time(), "new")])
    more = viewer.get(f"/api/projects/{spoken.pk}/logs?cursor={body['cursor']}").json()
    assert [item["text"] for item in more["items"]] == ["new"]
    found = viewer.get(f"/api/projects/{spoken.pk}/log-search?q=first&service=web").json()
    assert ([item["text"] for item in found["items"]], found["hits"]) == (["web first"], 1)
    assert body_of(viewer.get(f"/api/projects/{spoken.pk}/log-file?service=worker")).splitlines() == [
        "worker first", "worker works", "worker is done"]
    one = viewer.get(f"/api/projects/{spoken.pk}/logs/web?tail=1").json()
    assert one["lines"] == ["new"] and one["moments"][0]["within"] == 0.25
    for query in ("logs?service=nobody", "logs?cursor=%00", "logs?since=never", "logs?run=9", "log-search?q="):
        assert viewer.get(f"/api/projects/{spoken.pk}/{query}").status_code in (400, 422), query
    assert error_of(api().get(f"/api/projects/{spoken.pk}/logs"), 401)


def test_the_command_reads_all_one_since_and_by_search(spoken):
    def said(*arguments: str) -> str:
        out = io.StringIO()
        call_command("project", "logs", "spoken", *arguments, stdout=out)
        return out.getvalue()

    assert [line.split(" | ")[1] for line in said().splitlines()] == IN_ORDER
    assert said("worker", "--tail", "1") == "worker is done\n"
    assert said("worker", "--search", "FIRST") == "worker first\n"
    assert said("--since", "10s") == "" and len(said("--since", "10m").splitlines()) == 6
    assert json.loads(said("web", "--json"))["lines"] == ["web first", "web asks worker", "ERROR web gives up"]
