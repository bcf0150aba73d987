"""What the overview shows at the moment that a start begins, before it asks for the rest."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from projects.models import Project, Service
from tasks.models import Task

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true", "HX-Target": "live"}
PARTS = ("titles", "actions", "told", "work")


def overview(client: Client, project: Project) -> str:
    return client.get(reverse("projects:detail", args=[project.pk])).content.decode()


def start(client: Client, project: Project):
    return client.post(reverse("projects:start", args=[project.pk]), headers=HTMX)


def live(client: Client, project: Project, version: str) -> str:
    return client.get(reverse("projects:live", args=[project.pk]), {"version": version}, headers=HTMX).content.decode()


def part(text: str, name: str) -> str:
    """What is in the element of that id, without tokens and spaces between elements."""
    found = re.search(rf'<(\w+)[^>]* id="{name}"[^>]*>', text)
    end, deep = found.end(), 1
    while deep:
        tag = re.compile(rf"<(/?){found[1]}\b").search(text, end)
        end, deep = tag.end(), deep + (-1 if tag[1] else 1)
    return re.sub(r">\s+<", "><", re.sub(r'value="\w{64}"', "", text[found.end() : tag.start()])).strip()


def test_the_answer_holds_what_changes_at_once_and_no_more(operator, project, django_assert_max_num_queries):
    overview(operator, project)
    with django_assert_max_num_queries(12):
        answer = start(operator, project)
    text = answer.content.decode()
    assert answer.status_code == 200 and answer["HX-Reswap"] == "none"
    assert re.findall(r'id="(\w+)" hx-swap-oob="true"', text) == [*PARTS]
    assert "Starting" in part(text, "titles") and "Waits for a free worker" in part(text, "work")
    assert 'id="act-cancel"' in part(text, "actions") and 'id="act-start"' not in text
    assert 'id="services"' not in text and len(text) < 4000


def test_every_part_of_it_has_its_place_on_the_page(operator, project):
    page = overview(operator, project)
    for name in PARTS:
        assert page.count(f'id="{name}"') == 1


def test_the_page_asks_for_the_rest_soon_and_gets_it(operator, project):
    page = overview(operator, project)
    begun = start(operator, project)
    root = re.search(r'id="live" hx-get="[^"]+version=(\w+)"\s+hx-trigger="([^"]+)"', page)
    (event,) = re.findall(r"\w+", begun["HX-Trigger"])
    assert f"{event} from:body delay:400ms" in root[2]
    rest = live(operator, project, root[1])
    assert 'id="services"' in rest and 'id="activity"' in rest and 'id="nav-tasks"' in rest and "every 0.5s" in rest


def test_what_it_shows_is_what_the_next_poll_shows(operator, project):
    overview(operator, project)
    begun = start(operator, project).content.decode()
    rest = live(operator, project, "old")
    for name in PARTS:
        assert part(begun, name) == part(rest, name), name


def test_trying_again_takes_away_what_was_wrong(operator, project):
    Project.objects.update(state="failed", reason="web exited with code 1")
    Service.objects.update(state="failed", reason="exited with code 1", last_lines=["KeyError"])
    assert "KeyError" in part(overview(operator, project), "told")
    text = start(operator, project).content.decode()
    assert re.search(r'id="told" hx-swap-oob="true"\s+hidden\s*>\s*</div>', text)


def test_a_second_press_shows_the_same_task(operator, project):
    first, second = (start(operator, project).content.decode() for _ in range(2))
    assert Task.objects.count() == 1
    assert part(first, "work") == part(second, "work")


def test_a_start_that_is_refused_shows_the_whole_overview_with_the_reason(operator, project):
    operator.post(reverse("projects:stop", args=[project.pk]))
    answer = start(operator, project)
    text = answer.content.decode()
    assert answer.status_code == 409 and "HX-Reswap" not in answer
    assert text.startswith('<div class="stack" id="live"') and "Stop Shop is under way" in part(text, "told")


def test_a_viewer_cannot_start(viewer, project):
    assert start(viewer, project).status_code == 403
    assert not Task.objects.exists()
