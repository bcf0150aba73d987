"""Somebody looks at what waits for what."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.tests.people import signed_in
from tasks.graph import MAX_NODES, graph_of
from tasks.layout import critical, in_order, places
from tasks.models import Attempt, Dependency, Task

HTML = "<b>x</b>"


def task(title: str, *needs: Task, state: str = "succeeded", took: float = 0) -> Task:
    now = timezone.now()
    made = Task.objects.create(job="demo.sleep", title=title, actor="mara", state=state)
    Dependency.objects.bulk_create([Dependency(task=made, needs=each) for each in needs])
    if took:
        Attempt.objects.create(
            task=made, number=1, worker="w", host="h", pid=7, pid_started=1, correlation_id=made.correlation_id,
            started_at=now - timedelta(seconds=took), ended_at=None if state == "running" else now,
        )  # fmt: skip
    return made


def boxes(text: str) -> int:
    return text.partition('id="graph-picture"')[2].partition("</div>")[0].count("<rect ")


@pytest.fixture
def reader(db, redis_server):
    return signed_in("viewer")


@pytest.fixture
def page(reader):
    """`page(task)`: the text of its page."""
    return lambda of: reader.get(f"/tasks/{of.pk}/").text


# --- The layout -------------------------------------------------------------------------------------------------------


def test_everything_stands_to_the_right_of_what_it_needs_and_on_a_place_of_its_own():
    order, edges = in_order("abcdef", [("a", "c"), ("b", "c"), ("c", "d"), ("a", "d"), ("e", "d"), ("a", "gone")])
    spots = places(order, edges)
    assert len(edges) == 5 and set(spots) == set("abcdef")
    assert all(spots[needed].layer < spots[needing].layer for needed, needing in edges)
    assert len({(spot.layer, spot.row) for spot in spots.values()}) == 6
    assert spots["e"].layer == spots["d"].layer - 1  # close to who needs it


def test_lines_of_a_ladder_do_not_cross():
    order, edges = in_order(["a1", "b1", "c1", "c2", "b2", "a2"], [("a1", "a2"), ("b1", "b2"), ("c1", "c2")])
    spots = places(order, edges)
    assert all(spots[f"{name}1"].row == spots[f"{name}2"].row for name in "abc")


def test_the_critical_path_is_the_one_that_takes_longest():
    order, edges = in_order("abcd", [("a", "b"), ("b", "d"), ("a", "c"), ("c", "d")])
    assert critical(order, edges, {"a": 1, "b": 5, "c": 2, "d": 1}) == ["a", "b", "d"]
    assert critical(order, edges, {"a": 1, "b": 0, "c": 2, "d": 0}) == ["a", "c", "d"]
    assert len(critical(order, edges, dict.fromkeys("abcd", 0.0))) == 3
    assert critical([], [], {}) == []


def test_a_circle_made_by_hand_does_not_stop_the_drawing():
    order, edges = in_order("abc", [("a", "b"), ("b", "c"), ("c", "a"), ("a", "a")])
    assert len(order) == 3 and len(edges) == 2 and len(places(order, edges)) == 3


# --- The page ---------------------------------------------------------------------------------------------------------


def test_the_page_draws_the_tasks_with_the_longest_path_and_a_table_beneath(page):
    fetch = task("Fetch", took=5)
    fast, slow = task("Fast", fetch, took=1), task(f"Slow {HTML}", fetch, took=60)
    last = task("Last", fast, slow, state="running", took=10)  # its like take 22 s on average
    task("Elsewhere")
    text = page(fast)
    graph = graph_of(fast, timezone.now())
    assert [node.title for node in graph.nodes if node.critical] == ["Fetch", f"Slow {HTML}", "Last"]
    assert len(graph.edges) == 4 and sum(edge.critical for edge in graph.edges) == 2
    assert boxes(text) == 4
    said = re.search(r"<p>([^<]*longest[^<]*)<", text)[1]
    assert said == "4 tasks · the longest path: 3 tasks, 1 min 27 s as far as is known"
    assert HTML not in text and "Elsewhere" not in text
    rows = re.findall(r'<tr><th scope="row"><a class="name" href="/tasks/[0-9a-f-]{36}/"[^>]*>(.*?)</a>', text)
    assert rows == ["Fetch", "Fast", "Slow &lt;b&gt;x&lt;/b&gt;", "Last"]
    assert f"Fast, Slow {HTML}".replace("<", "&lt;").replace(">", "&gt;") in text
    assert boxes(page(last)) == 4
    for node in graph.nodes:
        assert node.x + 168 <= graph.width and node.y + 36 <= graph.height


def test_a_task_on_its_own_has_no_graph(page):
    assert "What waits for what" not in page(task("Alone"))


def test_the_poll_says_nothing_until_something_changes_and_stops_at_the_end(reader, page):
    first = task("First", state="running", took=5)
    second = task("Second", first, state="blocked")
    poll = re.search(r'hx-get="(/tasks/[^"]*/graph/[^"]*)"', page(second))[1]
    assert reader.get(poll).status_code == 204
    Task.objects.filter(pk=first.pk).update(state="succeeded")
    changed = reader.get(poll)
    assert changed.status_code == 200 and 'hx-get="' in changed.text
    Task.objects.filter(pk=second.pk).update(state="cancelled")
    assert 'hx-get="' not in reader.get(poll).text


@pytest.mark.django_db
def test_of_a_very_large_graph_the_nearest_are_shown(django_assert_max_num_queries):
    tasks = [Task(job="demo.sleep", title=f"t{number}", actor="m", state="queued") for number in range(MAX_NODES + 50)]
    Task.objects.bulk_create(tasks)
    Dependency.objects.bulk_create([Dependency(task=later, needs=first) for first, later in pairwise(tasks)])
    with django_assert_max_num_queries(4):
        graph = graph_of(tasks[0], timezone.now())
    assert graph.more and len(graph.nodes) == MAX_NODES and graph.path_length == MAX_NODES
    assert [node.title for node in graph.nodes][:2] == ["t0", "t1"]


@pytest.mark.parametrize("needs", [
    lambda place: [place - 1] if place else [],
    lambda place: range(max(0, place - 3), place),
    lambda place: [0] if 0 < place < MAX_NODES - 1 else range(1, MAX_NODES - 1) if place else [],
], ids=["chain", "woven", "fan out and in"])  # fmt: skip
def test_the_page_of_500_relatives_asks_no_more_than_that_of_one(page, needs, django_assert_max_num_queries):
    """How long it takes is what `bin/bench graph` is for."""
    now = timezone.now()
    tasks = [Task(job="demo.sleep", title=f"t{number}", actor="m", state="succeeded") for number in range(MAX_NODES)]
    Task.objects.bulk_create(tasks)
    Attempt.objects.bulk_create([
        Attempt(task=each, number=1, worker="w", host="h", pid=7, pid_started=1, correlation_id=each.correlation_id,
                started_at=now - timedelta(seconds=1), ended_at=now) for each in tasks
    ])  # fmt: skip
    Dependency.objects.bulk_create([
        Dependency(task=tasks[place], needs=tasks[need]) for place in range(MAX_NODES) for need in needs(place)
    ])  # fmt: skip
    with CaptureQueriesContext(connection) as one:
        page(task("Alone", state="succeeded", took=1))
    with django_assert_max_num_queries(len(one)):
        text = page(tasks[MAX_NODES // 2])
    assert boxes(text) == MAX_NODES and "the longest path" in text


def test_an_attempt_says_that_it_began_to_wait(page):
    made = task("Parent", state="blocked", took=3)
    made.attempts.update(outcome="waited", ended_at=timezone.now())
    assert "Began to wait" in page(made)
