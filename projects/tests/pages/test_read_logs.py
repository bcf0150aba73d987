"""Read the log of a service: its tail, what comes after, and what happens when it floods."""

import asyncio
import re
from pathlib import Path

import pytest
from django.urls import reverse

from projects.binding import home_of
from projects.models import Project

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


def url(name: str, project: Project) -> str:
    return reverse(f"projects:{name}", args=[project.pk])


@pytest.fixture
def log(project) -> Path:
    """The log of the service `web` in the project's first run, in the place where the process engine keeps it."""
    path = home_of(project.slug) / "run" / "logs" / "1" / "web.log"
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"line {number}\n" for number in range(50)))
    return path


def body_of(answer) -> str:
    """All that is sent, piece by piece."""
    assert answer.streaming

    async def collected() -> bytes:
        return b"".join([piece async for piece in answer.streaming_content])

    return asyncio.run(collected()).decode()


def shown(page) -> list[str]:
    return re.findall(r'<span\s+class="msg">(.*?)</span>', page.content.decode(), re.DOTALL)


def follow_url(page) -> str:
    return re.search(r'id="follow"\s+hx-get="([^"]+)"', page.content.decode())[1].replace("&amp;", "&")


def test_a_project_that_never_ran_has_no_log(operator, project):
    page = operator.get(url("logs", project))
    assert page.status_code == 200 and "No log yet" in page.content.decode()


def test_the_tail_is_on_the_page_without_script(operator, project, log):
    page = operator.get(url("logs", project), {"tail": "100"})
    assert shown(page) == [f"line {number}" for number in range(50)]


def test_new_lines_are_appended_and_silence_is_204(operator, project, log):
    page = operator.get(url("logs", project))
    assert operator.get(follow_url(page), headers=HTMX).status_code == 204
    with log.open("a") as file:
        file.write("one more\nand <b>another</b>\n")
    added = operator.get(follow_url(page), headers=HTMX)
    assert shown(added) == ["one more", "and &lt;b&gt;another&lt;/b&gt;"]
    assert '<ol id="lines" hx-swap-oob="beforeend">' in added.content.decode()
    assert operator.get(follow_url(added), headers=HTMX).status_code == 204


def test_a_flood_adds_a_bounded_number_of_lines_and_says_that_some_are_left_out(operator, project, log):
    page = operator.get(url("logs", project))
    with log.open("a") as file:
        file.writelines(f"flood {number}\n" for number in range(10_000))
    added = operator.get(follow_url(page), headers=HTMX)
    assert shown(added) == [f"flood {number}" for number in range(9800, 10_000)]
    assert 'class="gap"' in added.content.decode()
    assert 'data-max="1000"' in page.content.decode()


def test_lines_are_found_and_marked(operator, project, log):
    page = operator.get(url("logs", project), {"q": "LINE 4", "tail": "100"})
    assert len(shown(page)) == 11 and "<mark>line 4</mark>7" in shown(page)[-3]


def test_errors_are_coloured_and_terminal_codes_left_out(operator, project, log):
    log.write_text("\x1b[31mERROR it broke\x1b[0m\nall well\nWARNING hot\nKeyError: 'x'\n" + "x" * 5000 + "\n")
    page = operator.get(url("logs", project)).content.decode()
    assert re.findall(r'<li data-level="(\w+)"', page)[-5:] == ["error", "info", "warning", "error", "info"]
    assert "\x1b" not in page and "x" * 2001 not in page


def test_another_run_is_chosen_and_a_newer_one_reloads_the_page(operator, project, log):
    page = operator.get(url("logs", project))
    later = log.parent.parent / "2" / "web.log"
    later.parent.mkdir()
    later.write_text("second run\n")
    assert operator.get(follow_url(page), headers=HTMX)["HX-Refresh"] == "true"
    assert shown(operator.get(url("logs", project))) == ["second run"]
    old = operator.get(url("logs", project), {"run": "1"})
    assert len(shown(old)) == 50 and not re.search(r'id="follow"\s+hx-get', old.content.decode())


@pytest.mark.parametrize("query", [{"service": "nobody"}, {"run": "99"}, {"service": "../../etc/passwd"}])
def test_what_is_not_there_is_not_found(operator, project, log, query):
    page = operator.get(url("logs", project), query)
    assert page.status_code == 404 and 'role="alert"' in page.content.decode()
    file = operator.get(url("log-file", project), {"service": "web"} | query)
    assert file.status_code == 404


@pytest.mark.parametrize("query", [{"tail": "x"}, {"run": "x"}, {"run": "1" * 30}, {"q": "(["}])
def test_odd_questions_do_no_harm(operator, project, log, query):
    assert operator.get(url("logs", project), query).status_code == 200


def test_the_log_can_be_downloaded(operator, project, log):
    answer = operator.get(url("log-file", project), {"service": "web"})
    assert body_of(answer) == log.read_text()
    assert answer["Content-Type"].startswith("text/plain") and "attachment" in answer["Content-Disposition"]
