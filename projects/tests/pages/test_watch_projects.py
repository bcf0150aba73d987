"""The dashboard and the live parts of pages: what they show, what they cost, and that they are silent when idle."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.tests.people import person
from events.actions import record
from projects import actions
from projects.models import PortLease, Project, Service
from tasks.models import Task

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
HOME, CARDS, PULSE, LIST = (reverse(name) for name in ("home", "projects:cards", "pulse", "projects:list"))


def many(number: int, **fields) -> list[Project]:
    """Projects with four services and ports each, half of them running."""
    now = timezone.now()
    projects = Project.objects.bulk_create(
        Project(name=f"stack {index:03}", slug=f"stack-{index}", path=f"/srv/stack{index}", created_by="mara",
                state="running" if index % 2 else "stopped", observed_at=now, **fields)
        for index in range(number)
    )
    Service.objects.bulk_create(
        Service(project=project, name=name, position=place, state=project.state, health="healthy", cpu=0.01,
                memory=40_000_000, started_at=now, command="serve")
        for project in projects for place, name in enumerate(("web", "api", "postgres", "redis"))
    )
    PortLease.objects.bulk_create(
        PortLease(project=project, service=name, container_port=5000 + place, host_port=20_000 + 4 * index + place)
        for index, project in enumerate(projects) for place, name in enumerate(("web", "api", "postgres", "redis"))
    )
    for project in projects[:10]:
        record("project.running", {"project": project.pk, "name": project.name})
    return projects


def marks(page) -> list[str]:
    return re.findall(r'name="v" value="([^"]*)"', page.content.decode())


def ids(page) -> list[str]:
    return re.findall(r'<article class="project" id="project-(\d+)"', page.content.decode())


@pytest.fixture
def browser(redis_server, operator):
    """An operator whose session is cached, as it is in every second request."""
    operator.get(reverse("tasks:list"))
    return operator


def test_a_hundred_projects_cost_ten_queries(browser):
    many(100)
    with CaptureQueriesContext(connection) as queries:
        page = browser.get(HOME)
    assert len(ids(page)) == 100
    assert len(queries) <= 10, [query["sql"] for query in queries]


def test_the_poll_for_all_cards_is_silent_until_something_changes(browser):
    projects = many(100)
    have = marks(browser.get(HOME))
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(CARDS, {"v": have}, headers=HTMX).status_code == 204
    assert len(queries) <= 6
    Service.objects.filter(project=projects[7], name="api").update(state="failed", reason="exited with code 1")
    assert browser.get(CARDS, {"v": have}, headers=HTMX).status_code == 200


def test_only_the_cards_that_changed_are_sent(browser):
    projects = many(6)
    have = marks(browser.get(HOME, {"sort": "name"}))
    Service.objects.filter(project=projects[3], name="api").update(memory=900_000_000)
    answer = browser.get(CARDS, {"v": have, "sort": "name"}, headers=HTMX)
    assert ids(answer) == [str(projects[3].pk)] and 'hx-swap-oob="true"' in answer.content.decode()
    assert "HX-Reswap" not in answer


def test_a_new_a_gone_or_a_moved_card_sends_the_whole_grid(browser):
    projects = many(4)
    have = marks(browser.get(HOME))
    Project.objects.filter(pk=projects[3].pk).update(state="failed", reason="api exited with code 1")
    moved = browser.get(CARDS, {"v": have}, headers=HTMX)
    assert moved["HX-Reswap"] == "outerHTML" and ids(moved)[0] == str(projects[3].pk)
    projects[0].delete()
    gone = browser.get(CARDS, {"v": marks(moved)}, headers=HTMX)
    assert gone["HX-Reswap"] == "outerHTML" and len(ids(gone)) == 3


def test_cards_carry_the_token_and_the_buttons_of_whoever_asks(project, viewer):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person("operator", "mara"))
    first = strict.get(HOME).content.decode()
    assert 'action="' + reverse("projects:start", args=[project.pk]) not in viewer.get(HOME).content.decode()
    again = strict.get(HOME).content.decode()  # the card is rendered already
    tokens = [re.findall(r'csrfmiddlewaretoken" value="(\w+)"', page)[-1] for page in (first, again)]
    assert tokens[0] != tokens[1]
    start = reverse("projects:start", args=[project.pk])
    assert strict.post(start, {"csrfmiddlewaretoken": tokens[1]}).status_code == 302


@pytest.mark.parametrize("mark", ["x", "1e9.a", "99999999999999999999.a", "-1.a", "<b>"])
def test_marks_that_nobody_sent_are_not_found(browser, mark):
    many(1)
    assert browser.get(CARDS, {"v": mark}).status_code == 404


def test_an_idle_progress_poll_costs_two_queries_and_says_nothing(browser, project):
    url = reverse("projects:live", args=[project.pk])
    tries = []
    for _ in range(3):  # the ages on the page move on once a minute: one of three looks is not at that moment
        version = browser.get(reverse("projects:detail", args=[project.pk])).context["mark"]
        with CaptureQueriesContext(connection) as queries:
            answer = browser.get(url, {"version": version}, headers=HTMX)
        tries.append((answer.status_code, len(queries)))
        if answer.status_code == 204:
            break
    assert tries[-1][0] == 204 and tries[-1][1] <= 2, tries


def test_a_poll_while_a_task_waits_costs_two_queries_too(browser, project):
    actions.start(project)
    url = reverse("projects:live", args=[project.pk])
    tries = []
    for _ in range(3):
        version = browser.get(reverse("projects:detail", args=[project.pk])).context["mark"]
        with CaptureQueriesContext(connection) as queries:
            answer = browser.get(url, {"version": version}, headers=HTMX)
        tries.append((answer.status_code, len(queries)))
        if answer.status_code == 204:
            break
    assert tries[-1][0] == 204 and tries[-1][1] <= 2, tries


CHANGES = [
    (Service, {"state": "failed"}), (Service, {"reason": "exited with code 1"}), (Service, {"memory": 900_000_000}),
    (Service, {"restarts": 3}), (Project, {"state": "running"}), (Project, {"reason": "web was killed"}),
    (Project, {"observed_at": "2020-01-01T00:00:00Z", "state": "running"}), (PortLease, {"host_port": 30123}),
]  # fmt: skip


@pytest.mark.parametrize(("model", "change"), CHANGES)
def test_every_change_reaches_the_page(browser, project, model, change):
    version = browser.get(reverse("projects:detail", args=[project.pk])).context["mark"]
    model.objects.update(**change)
    answer = browser.get(reverse("projects:live", args=[project.pk]), {"version": version}, headers=HTMX)
    assert answer.status_code == 200
    text = answer.content.decode()
    assert 'id="live"' in text and 'id="titles" hx-swap-oob' in text and 'id="actions" hx-swap-oob' in text


def test_every_word_of_a_task_reaches_the_page(browser, project):
    task = actions.start(project)
    live = reverse("projects:live", args=[project.pk])
    step = {"key": "a", "label": "web answers", "done": 1, "total": 5, "detail": "", "usual": None, "tail": None,
            "started": timezone.now().isoformat(), "ended": None}
    version = browser.get(reverse("projects:detail", args=[project.pk])).context["mark"]
    for change in ({"state": "running"}, {"steps": [step], "steps_total": 1}, {"steps": [step | {"done": 2}]},
                   {"cancel_requested": True}, {"state": "failed", "error": "It broke."}):
        Task.objects.filter(pk=task.pk).update(**change)
        answer = browser.get(live, {"version": version}, headers=HTMX)
        assert answer.status_code == 200, change
        version = re.search(r"version=([0-9a-f]+)", answer.content.decode())[1]


def test_the_page_and_its_poll_are_the_same(browser, project):
    actions.start(project)
    page = browser.get(reverse("projects:detail", args=[project.pk])).content.decode()
    live = browser.get(reverse("projects:live", args=[project.pk]), headers=HTMX).content.decode()
    cut = live[: live.index('<div class="titles"')].strip()
    still = re.compile(r"version=\w+|csrfmiddlewaretoken\" value=\"\w+\"|\d+ s( ago)?|just now")
    assert still.sub("", cut) in still.sub("", page)


@pytest.mark.parametrize(
    ("query", "found"),
    [({"q": "stack 003"}, ["stack 003"]), ({"q": "/SRV/STACK2"}, ["stack 002"]), ({"q": "20005"}, ["stack 001"]),
     ({"q": ":20005"}, ["stack 001"]), ({"q": "nobody"}, []),
     ({"state": "stopped"}, ["stack 000", "stack 002", "stack 004"]), ({"state": "attention"}, ["stack 001"]),
     ({"limit": "2"}, ["stack 001", "stack 000"]),
     ({"limit": "2", "order": "desc"}, ["stack 004", "stack 003"]),
     ({"limit": "2", "sort": "name", "order": "asc"}, ["stack 000", "stack 001"])],
)  # fmt: skip
@pytest.mark.parametrize("page", [HOME, LIST])
def test_projects_are_found_by_name_path_port_and_state(browser, page, query, found):
    projects = many(5)
    Service.objects.filter(project=projects[1], name="api").update(state="failed", reason="exited with code 1")
    answer = browser.get(page, query)
    assert answer.status_code == 200
    assert [card.name for card in answer.context["cards"]] == found
    assert ("No project matches" in answer.content.decode()) == (found == [])


@pytest.mark.parametrize("sort", ["attention", "name", "changed"])
@pytest.mark.parametrize("order", ["", "asc", "desc"])
@pytest.mark.parametrize("page", [HOME, LIST])
def test_more_projects_follow_without_gap_or_repetition_while_others_come_and_go(browser, page, sort, order):
    stay = many(7)
    wanted = {project.name for project in stay}
    seen, url = [], f"{page}?limit=3&sort={sort}&order={order}"
    while url:
        context = browser.get(url).context
        names = [card.name for card in context["cards"]]
        assert len(names) <= 3
        seen += names
        url = context["next"] and f"{page}?{context['next']}"
        Project.objects.exclude(name__in=wanted).delete()
        Project.objects.create(name=f"a {len(seen)}", slug=f"a-{len(seen)}", path="/srv/a", engine="process")
    assert sorted(name for name in seen if name in wanted) == sorted(wanted)
    if sort == "name":
        assert seen == sorted(seen, reverse=order == "desc")


@pytest.mark.parametrize(("query", "words"), [
    ("limit=0", "from 1 to 200"), ("limit=201", "from 1 to 200"), ("limit=x", "from 1 to 200"),
    ("order=up", "asc or desc"), ("cursor=x", "cursor"), ("cursor=2", "cursor"), ("state=<b>", "There is no state"),
    ("sort=size", "cannot be sorted"),
])
def test_what_cannot_be_understood_is_said(browser, query, words):
    many(2)
    answer = browser.get(f"{LIST}?{query}")
    assert answer.status_code == 400 and words in answer.content.decode() and "<b>" not in answer.content.decode()
    assert browser.get(f"{HOME}?{query}").status_code == 200


def test_the_table_has_fifty_rows_where_nothing_else_is_asked_for(browser):
    many(51)
    assert [len(browser.get(f"{LIST}{query}").context["cards"]) for query in ("", "?limit=51")] == [50, 51]


def test_what_needs_attention_comes_first(browser):
    projects = many(5)
    Project.objects.filter(pk=projects[4].pk).update(state="failed", reason="redis is gone")
    assert browser.get(HOME).context["cards"][0].name == "stack 004"
    assert browser.get(HOME, {"sort": "name"}).context["cards"][0].name == "stack 000"


def test_the_numbers_are_true(browser):
    projects = many(6)
    Project.objects.filter(pk=projects[5].pk).update(state="failed", reason="redis is gone")
    Project.objects.filter(pk=projects[3].pk).update(observed_at="2020-01-01T00:00:00Z")
    now = timezone.now()
    for state, number in [("succeeded", 3), ("failed", 1), ("running", 2)]:
        for index in range(number):
            Task.objects.create(job="demo", title=state, state=state, actor="mara", subject=f"x:{state}{index}",
                                finished_at=now)
    tiles = {tile.title: (tile.value, tile.note) for tile in browser.get(HOME).context["tiles"]}
    assert tiles["Running"] == ("1", "3 stopped, 1 failed, 1 unknown")
    assert tiles["Need attention"] == ("2", "1 failed, 1 unknown")
    assert tiles["Tasks now"] == ("2", "none waits")
    assert tiles["Succeeded, 24 h"] == ("75", "3 of 4 ended")


@pytest.mark.parametrize(
    ("end", "shown"), [(20_023, ("24", "of 20000–20023")), (20_021, ("22", "of 20000–20021, +2 outside"))]
)
def test_ports_outside_the_range_are_told_apart(browser, settings, end, shown):
    many(6)
    settings.HUB_PORT_RANGE = (20_000, end)
    tiles = {tile.title: (tile.value, tile.note) for tile in browser.get(HOME).context["tiles"]}
    assert tiles["Ports leased"] == shown


def test_the_pulse_is_silent_until_a_number_changes(browser, eventually):
    many(3)

    def silent_at() -> str | None:
        mark = browser.get(HOME).context["pulse_mark"]
        return mark if browser.get(PULSE, {"version": mark}, headers=HTMX).status_code == 204 else None

    mark = eventually(silent_at)  # an age in the activity may move on in between
    PortLease.objects.all()[:1].get().delete()
    changed = browser.get(PULSE, {"version": mark}, headers=HTMX)
    assert changed.status_code == 200 and 'id="activity" hx-swap-oob' in changed.content.decode()
    assert 'id="nav-projects" hx-swap-oob="true">3<' in changed.content.decode()


def test_the_numbers_are_asked_for_when_a_card_changed_but_not_for_its_use_alone(browser, project):
    many(2)
    have = marks(browser.get(HOME))
    Service.objects.filter(project__name="stack 001", name="api").update(memory=900_000_000)
    used = browser.get(CARDS, {"v": have}, headers=HTMX)
    assert used.status_code == 200 and "HX-Trigger" not in used
    Service.objects.filter(project__name="stack 001", name="api").update(state="starting")
    assert "projects-changed" in browser.get(CARDS, {"v": have}, headers=HTMX)["HX-Trigger"]
    moved = browser.get(CARDS, {"v": have[::-1]}, headers=HTMX)
    assert "projects-changed" in moved["HX-Trigger"]
    headers = HTMX | {"HX-Target": f"project-{project.pk}"}
    pressed = browser.post(reverse("projects:start", args=[project.pk]), headers=headers)
    assert "projects-changed" in pressed["HX-Trigger"]
    assert "projects-changed from:body" in browser.get(HOME).content.decode()


def test_activity_tells_what_people_did(browser, project):
    actions.start(project)
    page = browser.get(HOME).content.decode()
    activity = re.sub(r"<[^>]+>", "", page[page.index('id="activity"') :])
    assert "Shop is starting" in activity and "Shop added" in activity


def test_without_projects_the_page_says_how_to_begin(browser, stack):
    page = browser.get(HOME)
    assert "Point Hub at a folder" in page.content.decode()
    assert {example.name for example in page.context["examples"]} >= {"hello", "shop", "pipeline"}
    assert all(example.summary and example.services for example in page.context["examples"])


def test_an_unchanged_table_is_answered_204(browser):
    many(3)
    mark = browser.get(LIST).context["mark"]
    headers = HTMX | {"HX-Target": "projects"}
    assert browser.get(LIST, {"version": mark}, headers=headers).status_code == 204
    assert browser.get(LIST, {"version": "old"}, headers=headers).content.decode().strip().startswith("<section")
