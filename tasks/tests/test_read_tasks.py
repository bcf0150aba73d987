"""Somebody looks through the tasks and into one of them."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from accounts.tests.people import signed_in
from events.actions import record
from events.context import acting
from projects.models import Project
from tasks.job import job_classes
from tasks.lanes import LANES
from tasks.models import Attempt, LogLine, Task

pytestmark = pytest.mark.django_db

HTML = "<img src=x onerror=alert(1)>"


@pytest.fixture
def reader():
    return signed_in("viewer")


def task(**fields) -> Task:
    given = {"job": "demo.sleep", "title": "Sleep", "actor": "mara", "state": "succeeded", **fields}
    return Task.objects.create(**given)


def running(**fields) -> Task:
    now = timezone.now()
    step = {"key": "a", "label": "Build", "done": 0, "total": 1, "detail": "", "started": now.isoformat(),
            "ended": None, "usual": None, "tail": None}
    return task(**{"state": "running", "started_at": now, "attempt": 1, "steps": [step], "step": "Build",
                   "steps_total": 1, **fields})


def attempt(of: Task, **fields) -> Attempt:
    return Attempt.objects.create(task=of, number=1, worker="w1", host="h", pid=7, pid_started=1,
                                  correlation_id=of.correlation_id, **fields)


def ids(response) -> list[str]:
    return re.findall(r'<tr id="task-([0-9a-f-]{36})"', response.text)


def poll_of(response) -> str:
    return re.search(r'hx-get="([^"]*)"', response.text.partition('id="task')[2])[1].replace("&amp;", "&")


# --- The list ---------------------------------------------------------------------------------------------------------


def test_fifty_a_page_without_gap_or_repetition_while_new_ones_come(reader):
    made = [str(task().pk) for _ in range(120)]
    seen, url = [], "/tasks/"
    while url:
        page = reader.get(url)
        assert len(ids(page)) <= 50
        seen += ids(page)
        older = re.search(r'href="([^"]*)" rel="next"', page.text)
        url = older and older[1].replace("&amp;", "&")
        task()
    assert seen == made[::-1]


def test_the_length_and_the_order_of_a_page_hold_on_the_next_and_in_its_poll(reader, redis_server):
    made = [str(task(state="running").pk) for _ in range(7)]
    seen, url = [], "/tasks/?limit=3&order=asc&state=running"
    while url:
        page = reader.get(url)
        assert len(ids(page)) <= 3 and "Oldest first" in page.text
        assert reader.get(poll_of(page)).status_code == 204
        seen += ids(page)
        newer = re.search(r'href="([^"]*)" rel="next">Newer', page.text)
        url = newer and newer[1].replace("&amp;", "&")
    assert seen == made


@pytest.mark.parametrize("subject", [
    "auth.user:{}", "sessions.session:x", "auth.user:99999999999999999999", "auth.user:x", "nothing", ":", "a.b:1",
])
def test_a_subject_without_a_task_is_not_looked_up(reader, subject):
    user = User.objects.create(username="hidden-name")
    response = reader.get("/tasks/", {"subject": subject.format(user.pk)})
    assert response.status_code == 200
    assert "hidden-name" not in response.text and "deleted" not in response.text


@pytest.mark.parametrize("subject", ["auth.user:99999999999999999999", "projects.project:x", "a.b:1", "nothing"])
def test_a_task_about_what_cannot_be_is_shown(reader, subject):
    made = task(subject=subject)
    assert ids(reader.get("/tasks/", {"subject": subject})) == [str(made.pk)]
    assert reader.get(f"/tasks/{made.pk}/").status_code == 200
    assert reader.get(f"/tasks/{made.pk}/live/?after={'9' * 5000}").status_code == 200


@pytest.mark.parametrize(("query", "found"), [
    ("", {0, 1, 2}), ("state=failed", {1}), ("job=demo.fail", {1}), ("lane=stacks", {0}), ("project=42", {0}),
    ("subject=projects.project:7", {2}), ("state=failed&project=42", set()), ("state=running", set()),
])
def test_what_filters_find(reader, query, found):
    tasks = [
        task(lane="stacks", subject="projects.project:42"),
        task(job="demo.fail", state="failed"),
        task(subject="projects.project:7"),
    ]
    response = reader.get(f"/tasks/?{query}")
    assert set(ids(response)) == {str(tasks[number].pk) for number in found}
    assert ("No task matches" in response.text) == (not found)


def test_the_tasks_of_one_request(reader):
    wanted = task(correlation_id=uuid.uuid4())
    task()
    assert ids(reader.get(f"/tasks/?correlation={wanted.correlation_id}")) == [str(wanted.pk)]


@pytest.mark.parametrize(("query", "words"), [
    ("state=<b>", "There is no state"), ("lane=fast", "Lanes are stacks, default"),
    ("project=x", "named by its number"), ("project=²", "named by its number"),
    ("correlation=x", "named by a UUID"), ("cursor=x", "cursor"),
    ("limit=0", "from 1 to 200"), ("limit=201", "from 1 to 200"), ("limit=x", "from 1 to 200"),
    ("limit=%C2%B2", "from 1 to 200"), ("order=up", "asc or desc"),
])
def test_what_cannot_be_understood_is_said(reader, query, words):
    response = reader.get(f"/tasks/?{query}")
    assert response.status_code == 400
    assert words in response.text
    assert "<b>x" not in response.text


def test_a_lane_that_is_none_is_still_chosen_in_the_form(reader):
    page = reader.get("/tasks/?lane=fast&q=boat")
    assert page.status_code == 400 and "<option selected>fast</option>" in page.text and 'value="boat"' in page.text


def test_a_list_of_fifty_costs_few_queries(reader, django_assert_max_num_queries, redis_server):
    for number in range(60):
        task(subject=f"projects.project:{number}")
    reader.get("/tasks/")
    # Who asks, the rows, what they are about, what there is to choose from, and the counts of the shell.
    with django_assert_max_num_queries(5):
        reader.get("/tasks/")


def test_demo_jobs_and_lanes_are_offered_only_where_a_task_has_them(reader):
    offered = re.compile(r"<option[^>]*>([^<]*)</option>")
    before = offered.findall(reader.get("/tasks/").text)
    assert "projects.start" in before and "stacks" in before
    assert not [name for name in before if name.startswith("demo.")]
    seldom = set(LANES) - {job.lane for job in job_classes() if not job.name.startswith("demo.")}
    assert not seldom & set(before) and set(LANES) - seldom <= set(before)
    for lane in seldom or {"default"}:
        task(job="demo.fail", lane=lane)
    after = offered.findall(reader.get("/tasks/").text)
    assert set(after) - set(before) == {"demo.fail", *seldom} and "demo.sleep" not in after
    chosen = reader.get("/tasks/?job=demo.sleep&lane=metrics").text
    assert "<option selected>demo.sleep<" in chosen and "<option selected>metrics<" in chosen


def test_the_list_polls_only_while_something_is_active(reader):
    ended = task()
    assert "every 2s" not in reader.get("/tasks/").text
    Task.objects.filter(pk=ended.pk).update(state="queued")
    assert "every 2s" in reader.get("/tasks/").text


def test_the_lists_poll_answers_only_what_changed(reader):
    active = running()
    poll = poll_of(reader.get("/tasks/?state=running"))
    assert reader.get(poll).status_code == 204
    wait = {"key": "wait", "label": "Wait", "started": timezone.now().isoformat(), "ended": None}
    Task.objects.filter(pk=active.pk).update(steps=[*active.steps, wait])
    changed = reader.get(poll)
    assert "Wait" in changed.text
    assert 'id="nav-tasks" hx-swap-oob="true"' in changed.text
    assert "<html" not in changed.text
    assert changed.text.lstrip().startswith("<section")


# --- One task ---------------------------------------------------------------------------------------------------------


def test_an_idle_poll_costs_two_queries(reader, django_assert_num_queries, redis_server):
    active = running()
    poll = poll_of(reader.get(f"/tasks/{active.pk}/"))
    # The session with who asks and the role, and the task.
    with django_assert_num_queries(2):
        assert reader.get(poll).status_code == 204


def test_the_line_names_the_steps_that_run_as_the_list_does(reader):
    now = timezone.now().isoformat()
    steps = [{"key": key, "label": f"{key} answers", "done": 0, "total": 1, "detail": detail, "started": started,
              "ended": ended, "usual": None, "tail": None}
             for key, detail, started, ended in [("web", "", now, now), ("model", "3 s", now, None),
                                                 ("api", "loads 2 files", now, None), ("db", "", None, None)]]
    page = reader.get(f"/tasks/{running(steps=steps, steps_total=4, steps_done=1).pk}/").text
    assert "1 of 4 done · model answers, api answers" in page
    assert "· 3 s" not in page and "· loads 2 files" in page


def test_a_poll_brings_what_changed_and_new_log_lines_only(reader):
    active = running()
    LogLine.objects.create(task=active, text="first line")
    poll = poll_of(reader.get(f"/tasks/{active.pk}/"))
    LogLine.objects.create(task=active, text="second line")
    changed = reader.get(poll).text
    assert "second line" in changed
    assert "first line" not in changed
    assert 'id="task-head"' not in changed  # nothing in the head has changed


def test_the_end_stops_the_poll_and_changes_the_head(reader):
    active = running()
    poll = poll_of(reader.get(f"/tasks/{active.pk}/"))
    assert "every 1s" in reader.get(f"/tasks/{active.pk}/").text
    Task.objects.filter(pk=active.pk).update(state="succeeded", finished_at=timezone.now(), result={"port": 8010})
    changed = reader.get(poll).text
    assert "every 1s" not in changed
    assert 'id="task-head" hx-swap-oob="true"' in changed
    assert "8010" in changed
    assert "Succeeded" in changed


def test_a_new_attempt_shows_in_the_poll(reader):
    active = running()
    attempt(active)
    poll = poll_of(reader.get(f"/tasks/{active.pk}/"))
    Attempt.objects.update(ended_at=timezone.now(), outcome="died", signal="SIGKILL", error="The worker was killed.")
    Task.objects.filter(pk=active.pk).update(state="queued", reason="Its worker died; it runs again.")
    text = reader.get(poll).text
    assert "signal SIGKILL; The worker was killed." in text
    assert "Its worker died; it runs again." in text


def test_percent_and_remaining_are_shown_with_history_and_only_then(reader):
    plain = running()
    assert "no earlier run to compare with" in reader.get(f"/tasks/{plain.pk}/").text
    began = timezone.now() - timedelta(seconds=30)
    known = running(subject="x", started_at=began)
    known.steps[0].update(usual=60, tail=0, started=began.isoformat())
    known.save()
    text = reader.get(f"/tasks/{known.pk}/").text
    assert re.search(r'<span class="pct">(49|50|51) %</span>', text)
    assert re.search(r"about (25|30) s left", text)


def test_an_error_stands_at_the_top(reader):
    failed = task(state="failed", error="web did not answer on 8010.\nIt exited with code 1.", detail="Traceback: x")
    text = reader.get(f"/tasks/{failed.pk}/").text
    main = text[text.index("<main"):]
    assert main.index("web did not answer on 8010.") < main.index("Progress")
    assert "Traceback: x" in main


def test_the_log_shows_the_newest_500_lines_and_all_in_the_download(reader):
    done = task()
    LogLine.objects.bulk_create(LogLine(task=done, text=f"line {number:04}") for number in range(600))
    text = reader.get(f"/tasks/{done.pk}/").text
    assert text.count('<li id="L') == 500
    assert "line 0599" in text
    assert "line 0099" not in text
    download = reader.get(f"/tasks/{done.pk}/log.txt")
    assert download.text.count("\n") == 600
    assert "attachment" in download["Content-Disposition"]


def test_a_poll_never_brings_more_than_500_lines(reader):
    active = running()
    poll = poll_of(reader.get(f"/tasks/{active.pk}/"))
    LogLine.objects.bulk_create(LogLine(task=active, text=f"line {number}") for number in range(900))
    assert reader.get(poll).text.count('<li id="L') == 500


def test_what_may_be_secret_is_masked(reader):
    done = task(
        params={"path": "/srv/shop", "env": {"PLAIN": "hidden-a"}, "api_key": "hidden-b", "password": "hidden-c",
                "nested": [{"Token": "hidden-d"}], "url": "redis://me:hidden-e@host/0", "keys": ["shown"],
                "pwd": "hidden-g", "dsn_main": "hidden-h", "api-key": "hidden-i"},
        result={"secret": "hidden-f", "port": 8010},
    )
    text = reader.get(f"/tasks/{done.pk}/").text
    assert "hidden-" not in text
    for shown in ("/srv/shop", "PLAIN", "api_key", "8010", "shown", "@host/0"):
        assert shown in text


def test_html_is_text_everywhere(reader):
    step = {"key": HTML, "label": HTML, "detail": HTML, "started": timezone.now().isoformat(), "usual": None}
    made = task(title=HTML, actor=HTML, subject=HTML, reason=HTML, state="failed", error=HTML, detail=HTML, job=HTML,
                lane=HTML[:30], params={HTML: HTML}, result=HTML, steps=[step])
    attempt(made, error=HTML, outcome="died")
    LogLine.objects.create(task=made, text=HTML, source=HTML, level="info")
    with acting(actor=HTML, correlation=made.correlation_id):
        record("task.failed", {"error": HTML})
    for url in ("/tasks/", f"/tasks/{made.pk}/", f"/tasks/{made.pk}/live/?after=0"):
        text = reader.get(url).text
        assert "&lt;img" in text
        assert "<img" not in text


def test_relatives_and_events_are_linked(reader):
    first = task(state="failed")
    again = task(retry_of=first)
    child = task(parent=first)
    with acting(correlation=first.correlation_id):
        event = record("task.failed", {"task": str(first.pk)})
    text = reader.get(f"/tasks/{first.pk}/").text
    for link in (f"/tasks/{again.pk}/", f"/tasks/{child.pk}/", f"/events/{event.pk}/"):
        assert link in text
    assert f"/tasks/{first.pk}/" in reader.get(f"/tasks/{again.pk}/").text


@pytest.mark.parametrize("path", ["", "live/", "log.txt"])
def test_an_unknown_task_is_not_found(reader, path):
    assert reader.get(f"/tasks/{uuid.uuid4()}/{path}").status_code == 404
    assert reader.get(f"/tasks/42/{path}").status_code == 404


def test_what_a_task_is_about_is_named_and_linked(reader):
    shop = Project.objects.create(name="Shop", slug="shop", path="/srv/shop", created_by="mara")
    about, gone = task(subject=shop.subject), task(subject="projects.project:999999")
    for url in ("/tasks/", f"/tasks/{about.pk}/", f"/tasks/?project={shop.pk}"):
        assert f'<a href="/projects/{shop.pk}/">Shop</a>' in reader.get(url).text
    assert "project 999999, deleted" in reader.get(f"/tasks/{gone.pk}/").text
