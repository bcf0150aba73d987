"""The main job in a real browser, with JavaScript and without it: sign in by the first link, add, start, open, copy,
stop, delete."""

import os
import re
import socket
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from hub.tests.chromium import CHROMIUM, MISSING, SWITCHES
from hub.tests.system.running_hub import REPOSITORY, RunningHub, services_of

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)

SCREENSHOTS = REPOSITORY / "var" / "screenshots"
SHOP = REPOSITORY / "examples" / "shop"
USER, PASSWORD = "mara", "a sentence is fine"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def session(hub: RunningHub, browser: Browser) -> dict:
    """The first admin, made by the link that `up` printed; the browser's cookies."""
    link = re.search(r"http://\S+/sign-in/\S+", hub.said())[0]
    context = browser.new_context()
    page = context.new_page()
    page.goto(link)
    page.fill("[name=username]", USER)
    page.fill("[name=password1]", PASSWORD)
    page.click("button.primary")
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()
    state = context.storage_state()
    page.goto(link)
    expect(page.locator("body")).to_contain_text("used")  # valid once
    context.close()
    return state


@pytest.fixture(params=[True, False], ids=["with-javascript", "without-javascript"])
def page(request, hub: RunningHub, browser: Browser, session: dict) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=request.param, storage_state=session, base_url=hub.address)
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.scripted = request.param
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    context.close()
    assert not [text for text in said if "409" not in text], said


def state(page: Page, word: str, seconds: float = 20) -> None:
    """Wait until the head of the project's page says so; without JavaScript by loading it again, as a person would."""
    badge = page.locator("h1 .badge")
    if page.scripted:
        expect(badge).to_contain_text(word, timeout=seconds * 1000)
        return
    for _ in range(int(seconds * 2)):
        page.goto(page.url)
        if word in badge.inner_text():
            return
        page.wait_for_timeout(500)
    expect(badge).to_contain_text(word)


def test_from_a_folder_to_a_running_copy_and_back(hub: RunningHub, page: Page):
    name = "Corner shop" if page.scripted else "Paper shop"
    page.goto("/")
    page.get_by_role("link", name="Add project").click()
    page.fill("#path", str(SHOP))
    page.get_by_role("button", name="Look").click()
    expect(page.locator("#preview")).to_contain_text("frontend")
    page.fill("#preview [name=name]", name)
    page.get_by_role("button", name="Add and start").click()
    expect(page.locator("h1")).to_contain_text(name)
    state(page, "Running")

    opened = page.locator("table a.port", has_text=":").last
    address = opened.get_attribute("href")
    shop = page.context.new_page()
    shop.goto(address)
    assert shop.title()
    shop.close()

    page.goto(page.url.rstrip("/") + "/copy/")
    page.fill("#copy [name=name]", f"{name} two")
    page.get_by_role("button", name="Copy and start").click()
    expect(page.locator("h1")).to_contain_text(f"{name} two")
    state(page, "Running")
    slug = name.lower().replace(" ", "-")
    both = [services_of(hub.data, slug), services_of(hub.data, f"{slug}-two")]
    assert [len(services) for services in both] == [4, 4]

    for title in (f"{name} two", name):
        page.goto("/")
        page.locator("article h3").get_by_role("link", name=title, exact=True).click()
        page.get_by_role("button", name="Stop", exact=True).click()
        state(page, "Stopped")
        page.goto(page.url.split("?")[0].rstrip("/") + "/delete/")
        expect(page.locator(".ledger").first).to_be_visible()
        page.get_by_role("button", name=re.compile("^Delete")).click()

        def is_gone(title: str = title) -> bool:
            page.goto("/")
            return page.locator("article h3").get_by_role("link", name=title, exact=True).count() == 0

        hub.until(is_gone, 20, f"{title} is still listed")
    assert services_of(hub.data, slug) == services_of(hub.data, f"{slug}-two") == {}
    assert not list((hub.data / "stacks").glob(f"{slug}*"))


@pytest.mark.alone
def test_progress_is_on_screen_within_a_second_and_survives_a_reload(hub: RunningHub, browser: Browser, session: dict):
    project = hub.add("Patient", REPOSITORY / "examples" / "pipeline", env={"SLOW_SECONDS": "4"})
    context = browser.new_context(storage_state=session, base_url=hub.address)
    page = context.new_page()
    page.scripted = True
    page.goto(f"/projects/{project}/")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("#live progress").first).to_be_visible(timeout=1000)
    page.reload()
    expect(page.locator("#live progress").first).to_be_visible()
    state(page, "Running")
    context.close()


def test_a_failed_start_says_why_at_the_top(hub: RunningHub, browser: Browser, session: dict):
    folder = hub.root / "faulty"
    folder.mkdir()
    (folder / "Procfile").write_text("web: python3 -c 'import no_such_module' $PORT\n")
    project = hub.add("Faulty", folder)
    hub.ended(hub.ask(project, "start"))
    context = browser.new_context(storage_state=session, base_url=hub.address)
    page = context.new_page()
    page.goto(f"/projects/{project}/")
    fault = page.locator(".fault").first
    expect(fault).to_contain_text("web")
    expect(fault).to_contain_text("code 1")
    expect(fault).to_contain_text("No module named 'no_such_module'")
    context.close()


PAGES = {"dashboard": "/", "list": "/projects/", "add": "/projects/new/", "tasks": "/tasks/", "events": "/events/",
         "workers": "/tasks/workers/", "monitor": "/tasks/monitor/", "schedules": "/tasks/schedules/"}
TABS = ("", "logs/", "environment/", "usage/", "revisions/", "copy/", "delete/", "settings/")
LONG = "W" * 100


@pytest.fixture(scope="module")
def awkward(hub: RunningHub) -> str:
    """The address of a project with the longest name, without a space to break it at, that has failed."""
    folder = hub.root / "awkward"
    folder.mkdir()
    (folder / "Procfile").write_text(f"{'s' * 64}: sh -c 'echo {'e' * 300}; exit 3' {'c' * 200} $PORT\n")
    project = hub.add(LONG, folder, env={"V" * 100: "v" * 300})
    assert hub.ended(hub.ask(project, "start"))["state"] == "failed"
    return f"/projects/{project}/"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_page_fits_its_window_and_keeps_quiet(hub: RunningHub, browser: Browser, session: dict, awkward: str,
                                                    scheme, width):
    shown = PAGES | {f"project-{tab.strip('/') or 'overview'}": awkward + tab for tab in TABS}
    context = browser.new_context(storage_state=session, base_url=hub.address, color_scheme=scheme,
                                  viewport={"width": width, "height": 900})
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{page.url}: {message.text}") if message.type == "error" else None)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for name, path in shown.items():
        answer = page.goto(path)
        assert answer.status == 200, path
        page.screenshot(path=SCREENSHOTS / f"{name}-{scheme}-{width}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} scrolls sideways"
        assert page.evaluate(OVERLAID) == [], f"on {path} a table is wider than its panel"
        assert page.evaluate(LOOSE) == [], f"on {path} a cell does not stand in its row"
    context.close()
    assert said == []


OVERLAID = """() => [...document.querySelectorAll(".panel > .table")]
    .filter(table => table.getBoundingClientRect().right > table.parentElement.getBoundingClientRect().right + 1)
    .map(table => table.outerHTML.slice(0, 200))"""


LOOSE = """() => [...document.querySelectorAll("tr > *")]
    .filter(cell => getComputedStyle(cell.parentElement).display === "table-row")
    .filter(cell => !["table-cell", "none"].includes(getComputedStyle(cell).display))
    .map(cell => cell.outerHTML.slice(0, 200))"""


def test_a_taken_port_is_named_and_one_click_leases_another(hub: RunningHub, page: Page):
    name = f"Held {'with' if page.scripted else 'without'} script"
    project = hub.add(name, REPOSITORY / "examples" / "hello")
    port = hub.ports(project)["web"]
    with socket.create_server(("127.0.0.1", port)):
        page.goto(f"/projects/{project}/")
        page.get_by_role("button", name="Start", exact=True).click()
        state(page, "Failed")
        expect(page.locator(".fault")).to_contain_text(f"Port {port} of web is held by")
        expect(page.locator(".fault")).to_contain_text(f"pid {os.getpid()}")
        page.get_by_role("button", name="Lease another port").click()
        expect(page.get_by_role("button", name="Lease another port")).to_have_count(0)
        page.get_by_role("button", name="Try again").first.click()
        state(page, "Running")
        assert hub.ports(project)["web"] != port
    assert hub.ended(hub.ask(project, "stop"))["state"] == "succeeded"


def test_double_clicks_in_two_tabs_and_the_api_at_once_are_one_task(hub: RunningHub, browser: Browser, session: dict):
    project = hub.add("Impatient", REPOSITORY / "examples" / "pipeline", env={"SLOW_SECONDS": "60"})
    context = browser.new_context(storage_state=session, base_url=hub.address)
    tabs = [context.new_page() for _ in range(2)]
    for tab in tabs:
        # No poll may take the button away before it is pressed.
        tab.route(re.compile(r"/(live|head)/"), lambda route: route.abort())
        tab.goto(f"/projects/{project}/")
    answers: list[int] = []
    api = threading.Thread(target=lambda: answers.append(hub.post(f"/api/orchestration/{project}/start").status))
    with tabs[0].expect_response("**/start/") as first, tabs[1].expect_response("**/start/") as second:
        api.start()
        for tab in tabs:
            tab.evaluate("() => { const start = document.getElementById('act-start'); start.click(); start.click(); }")
    api.join()
    assert [*answers, first.value.status, second.value.status] == [202, 200, 200]
    tasks = hub.get(f"/api/tasks?project={project}").body["items"]
    assert len(tasks) == 1
    assert hub.call("DELETE", f"/api/tasks/{tasks[0]['id']}").status == 202
    assert hub.ended(tasks[0]["id"])["state"] == "cancelled"
    context.close()
