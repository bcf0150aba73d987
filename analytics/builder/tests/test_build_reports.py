"""Somebody builds a report: chooses, narrows, groups, measures, draws, and is told what cannot be."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from accounts.models import Access
from accounts.tests.people import person, signed_in
from alerts.tests.rows import ended, waiting
from analytics.builder import pictures
from analytics.builder.behind import behind
from analytics.builder.datasets import datasets
from analytics.builder.definition import read
from analytics.builder.errors import BadReport
from analytics.builder.forms import STARTS
from analytics.builder.running import rows
from events.actions import record
from projects.models import Project
from retrospectives import actions as retrospectives
from retrospectives.files import read_rows
from retrospectives.tests.conftest import sprint
from tasks.models import Attempt, Task
from tasks.states import TaskState

pytestmark = pytest.mark.django_db


def report(query: str) -> list[list]:
    return list(rows(read(QueryDict(query))))


@pytest.fixture
def tasks():
    ended(6, ran=10, job="shop.build")
    ended(2, TaskState.FAILED, ran=20, job="shop.build")
    ended(4, ran=1, job="shop.mail", lane="reports")
    waiting(3, job="shop.wait")


def test_there_are_five_data_sets():
    assert list(datasets()) == ["tasks", "attempts", "events", "projects", "sprints"]


def test_tasks_by_job_with_their_measures(tasks):
    assert report("group=job&measure=count,failure_rate,avg:run,max:run&sort=job") == [
        ["shop.build", 8, 25.0, 12.5, 20.0], ["shop.mail", 4, 0.0, 1.0, 1.0], ["shop.wait", 3, None, None, None]]


def test_groups_come_largest_first_unless_they_are_sorted(tasks):
    assert [row[0] for row in report("group=job")] == ["shop.build", "shop.mail", "shop.wait"]
    assert [row[0] for row in report("group=job&sort=count")] == ["shop.wait", "shop.mail", "shop.build"]
    assert [row[0] for row in report("group=job&measure=avg:run&sort=-avg:run")] == [
        "shop.build", "shop.mail", "shop.wait"]


def test_a_measure_without_groups_is_one_row(tasks):
    assert report("measure=count,sum:run") == [[15, 104.0]]
    assert report("q=state:cancelled&measure=count,failure_rate,avg:run") == [[0, None, None]]


def test_percentiles_lie_between_two_neighbours_as_the_standard_says():
    """Run on PostgreSQL as well, whose own they are (analytics/tests/test_same_on_postgresql.py)."""
    for seconds in range(1, 21):
        ended(1, ran=seconds, job="shop.build")
    ended(1, ran=4, job="shop.mail")
    waiting(2, job="shop.wait")
    found = report("group=job&measure=p50:run,p95:run,p99:run,p95:priority&sort=job")
    assert found[0] == ["shop.build", pytest.approx(10.5), pytest.approx(19.05), pytest.approx(19.81), 5.0]
    assert found[1:] == [["shop.mail", 4.0, 4.0, 4.0, 5.0], ["shop.wait", None, None, None, 5.0]]
    assert report("q=state:cancelled&measure=p50:run,count") == [[None, 0]]
    assert [row[0] for row in report("group=job&measure=p95:run&sort=-p95:run")] == [
        "shop.build", "shop.mail", "shop.wait"]


@pytest.mark.parametrize(("query", "places"), [
    ("group=job,state&measure=count", 2), ("group=finished_at:day&measure=count&q=state:succeeded", 1),
    ("group=created_at:hour,lane&measure=count&since=2d", 2),
    ("group=created_at:week&measure=count&q=job:shop.* OR job:none", 1),
    ("group=created_at:month,priority&measure=count", 2),
    ("dataset=projects&group=engine&measure=count", 1), ("dataset=events&group=timestamp:day&measure=count", 1),
])
def test_a_group_leads_to_exactly_the_rows_behind_it(tasks, query, places):
    record("audit.tried", {})
    Project.objects.create(name="Shop", slug="shop", path="/tmp", created_by="test")
    made = read(QueryDict(query))
    groups = [row for row in rows(made) if row[0] is not None]
    assert groups
    for *values, number in groups:
        url = urlsplit(behind(made, values))
        given = QueryDict(url.query)
        if url.path == "/tasks/":
            given = QueryDict(f"dataset=tasks&{url.query}")
        assert len(values) == places and len(list(rows(read(given)))) == number, url
    page = signed_in("viewer").get(f"/analytics/reports/build/?{query}").content.decode()
    assert escape(behind(made, groups[0][:places])) in page


def test_a_point_of_a_chart_leads_to_its_tasks(tasks):
    ended(3, ago=2 * 86400)
    made = read(QueryDict("group=finished_at:day&measure=p95:run"))
    day = report("group=finished_at:day&measure=count")[-1][0]
    assert f'href="{escape(behind(made, [day]))}"' in pictures.chart(made, list(rows(made)))


def test_what_a_query_cannot_say_has_no_link(tasks):
    for query in ("group=node&measure=count", "group=started_at:day&measure=count", "dataset=events&group=actor"):
        made = read(QueryDict(query))
        assert [behind(made, row[:1]) for row in rows(made)] == [""] * len(report(query))


def test_by_day_and_state(tasks):
    old = ended(5, ago=3 * 86400)
    found = report("group=finished_at:day,state&q=state:succeeded")
    assert [row[2] for row in found] == [5, 10]
    day = old[0].finished_at.strftime("%Y-%m-%dT00:00:00.000000Z")
    assert found[0][:2] == [day, "succeeded"]


def test_the_grammar_of_search_narrows_tasks_and_their_attempts(tasks):
    assert len(report("q=job:shop.mail")) == 4
    task = Task.objects.filter(job="shop.mail").first()
    now = timezone.now()
    Attempt.objects.create(task=task, number=1, worker="w1", host="h", pid=1, pid_started=1, outcome="died",
                           correlation_id=task.correlation_id, started_at=now - timedelta(seconds=3), ended_at=now)
    assert report("dataset=attempts&fields=job,worker,run,outcome&q=lane:reports") == [["shop.mail", "w1", 3.0, "died"]]
    assert report("dataset=attempts&group=worker&measure=failure_rate") == [["w1", 100.0]]
    assert report("dataset=attempts&q=lane:stacks") == []


def test_a_range_of_time(tasks):
    Task.objects.filter(job="shop.mail").update(created_at=timezone.now() - timedelta(days=9))
    assert report("since=7d&measure=count") == [[11]]
    assert report("until=7d&measure=count") == [[4]]


def test_events_and_what_may_be_secret():
    record("audit.tried", {"token": "abc", "name": "shop", "url": "https://me:pw@example.org/"})
    (_, payload), = report("dataset=events&fields=subject,payload&q=audit.*")
    assert payload == {"token": "••••", "name": "shop", "url": "https://••••@example.org/"}
    assert report("dataset=events&q=task.>") == []


def test_sprints_by_team_and_projects_by_field():
    retrospectives.keep(read_rows([sprint(number) for number in range(1, 5)])[0], source="file")
    (team, number, happiness), = report("dataset=sprints&group=team&measure=count,avg:team_happiness")
    assert (team, number) == ("", 4) and 0 < happiness <= 10
    assert len(report("dataset=sprints&q=name:Sprint*")) == len(report("dataset=sprints&fields=name"))
    assert report("dataset=projects&q=engine:compose,dagger") == []


def test_every_start_can_be_made(tasks):
    for _, query in STARTS:
        report(query)


@pytest.mark.parametrize(("query", "field", "said"), [
    ("dataset=people", "dataset", "There is no data set 'people'"),
    ("fields=id,password", "fields", "Tasks have no field 'password'. Use id, job"),
    ("group=owner", "group", "have no field 'owner'"),
    ("group=id", "group", "another one in nearly every row"),
    ("group=created_at:second", "group", "is no grouping"),
    ("group=" + ",".join(f"job{n}" for n in range(50)), "group", "have no field"),
    ("group=job,state,lane,actor", "group", "These are 4 groupings; 3 are the most."),
    ("group=job,job", "group", "A grouping is there twice."),
    ("measure=median:run", "measure", "There is no measure 'median:run'. Use count, failure_rate"),
    ("measure=p42:run", "measure", "There is no measure 'p42:run'"),
    ("measure=p95:job", "measure", "Job is no number"),
    ("measure=avg:job", "measure", "Job is no number"),
    ("dataset=events&measure=failure_rate", "measure", "There is no measure"),
    ("since=2026-03-02&until=2026-03-01", "until", "is before since"),
    ("since=someday", "since", "is no moment"),
    ("dataset=sprints&since=7d", "since", "have no time"),
    ("sort=wealth", "sort", "It has no column 'wealth'"),
    ("group=job&sort=id", "sort", "It has no column 'id'"),
    ("chart=pie", "chart", "There is no chart"),
    ("q=nonsense:", "q", ""),
    ("q=colour:red", "q", "There is no qualifier"),
    ("dataset=events&q=a..b", "q", ""),
    ("dataset=projects&q=shop", "q", "is no filter"),
    ("dataset=projects&q=services:many", "q", "is no number"),
    ("dataset=projects&q=services:inf", "q", "is no number"),
    ("dataset=projects&q=id:nan", "q", "is no number"),
    ("dataset=projects&q=id:1e400", "q", "is no number"),
    ("dataset=projects&q=id:9007199254740993", "q", "too large"),
    ("since=999999w", "since", "is no moment"),
    ("since=0001-01-01T00:00:00%2B14:00", "since", "is no moment"),
    ("dataset=projects&q=name:%22shop", "q", "not closed"),
    ("q=" + "x" * 3000, "q", "more than 2,000 characters"),
])
def test_what_cannot_be_is_told(query, field, said):
    with pytest.raises(BadReport) as refused:
        report(query)
    assert refused.value.field == field and said in str(refused.value)
    page = signed_in("viewer").get(f"/analytics/reports/build/?{query}")
    assert page.status_code == 422
    text = page.content.decode()
    assert 'id="problem"' in text and "<h2>Rows</h2>" not in text


def test_fifty_groupings_of_one_field_are_refused_at_once():
    with pytest.raises(BadReport, match=r"These are 50 groupings; 3 are the most\."):
        read(QueryDict("group=" + ",".join(["job"] * 50)))


def test_a_page_shows_rows_a_chart_and_that_nothing_matches(tasks):
    ended(3, ago=2 * 86400)
    browser = signed_in("viewer")
    page = browser.get("/analytics/reports/build/?group=finished_at:day&measure=count,avg:run&q=state:succeeded")
    text = page.content.decode()
    assert page.status_code == 200 and "<svg" in text and "Mean run" in text and "Keep it" not in text
    page = browser.get("/analytics/reports/build/?q=state:cancelled").content.decode()
    assert "Nothing matches" in page
    assert "shop.build" in browser.get("/analytics/reports/build/?group=job").content.decode()


def test_an_address_is_the_whole_of_a_report(tasks):
    made = read(QueryDict("dataset=tasks&group=job&measure=count&group=state&q=lane:default&sort=-count&chart=none"))
    assert read(QueryDict(made.query)) == made


def test_parameters_are_for_those_who_may_see_them(tasks):
    user = person("viewer", "lena")
    Access.objects.create(user=user, payloads=False)
    browser = Client()
    browser.force_login(user)
    page = browser.get("/analytics/reports/build/?fields=id,params")
    assert page.status_code == 422 and "You may not see parameters" in page.content.decode()
    assert browser.get("/analytics/reports/build/?fields=id").status_code == 200
    answer = browser.get("/api/analytics/export?fields=id,params")
    assert answer.status_code == 422


def test_the_form_leads_to_an_address_and_another_data_set_begins_anew(tasks):
    browser = signed_in("viewer")
    form = "dataset=tasks&of=tasks&q=&since=&until=&group=job&group=&group=&measure=count&fields=id&sort=&chart=auto"
    answer = browser.get(f"/analytics/reports/build/?{form}")
    assert answer["Location"] == "/analytics/reports/build/?dataset=tasks&group=job&measure=count"
    answer = browser.get(f"/analytics/reports/build/?{form.replace('dataset=tasks', 'dataset=events')}", follow=True)
    assert answer.status_code == 200
    assert answer.context["report"].dataset.name == "events"
