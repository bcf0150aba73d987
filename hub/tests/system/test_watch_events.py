"""The list of events in a real browser: what happens appears, by the stream or by polls, and nothing moves under who
reads."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from hub.tests.chromium import CHROMIUM, MISSING
from hub.tests.system.running_hub import REPOSITORY

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)

SCREENSHOTS = REPOSITORY / "var" / "screenshots"
STREAM = "**/api/events/stream**"
WAYS = {"stream": "Shown as it happens.", "polls": "Looked up every 5 s."}


def tell(page: Page, action: str, number: int = 1) -> None:
    """Events as a script publishes them, with the session of this page."""
    own = page.evaluate("() => document.querySelector('.foot .mono').textContent.trim()")
    token = json.loads(page.get_attribute("body", "hx-headers"))["X-CSRFToken"]
    for place in range(number):
        answer = page.request.post("/api/events", headers={"X-CSRFToken": token}, data={
            "subject": f"hub.{own}.{action}", "payload": {"place": place}})
        assert answer.status == 201, answer.text()


@pytest.mark.parametrize("way", ["stream", "polls"])
def test_what_happens_appears_and_the_filter_holds(page: Page, way: str):
    if way == "polls":
        page.route(STREAM, lambda route: route.abort())
    page.goto(f"/events/?subject={way}.>")
    expect(page.locator("#events-way")).to_have_text(WAYS[way])
    expect(page.get_by_role("heading", name="No event matches")).to_be_visible()
    tell(page, "other.done")
    tell(page, f"{way}.begun")
    rows = page.locator("#events-rows tr")
    expect(rows).to_have_count(1, timeout=20_000)
    expect(rows.first).to_contain_text(f"{way}.begun")
    tell(page, f"{way}.done")
    expect(rows.first).to_contain_text(f"{way}.done", timeout=20_000)
    expect(rows).to_have_count(2)
    assert page.url.endswith(f"/events/?subject={way}.>") or f"subject={way}.%3E" in page.url
    expect(page.locator("#events-none")).to_have_count(0)
    rows.first.get_by_role("link", name=f"{way}.done").click()
    expect(page.locator("#payload")).to_contain_text('"place": 0')


def test_nothing_moves_under_who_reads_and_a_hidden_tab_asks_nothing(page: Page):
    page.goto("/events/?subject=read.>")
    tell(page, "read.old", 40)
    page.goto("/events/?subject=read.>")
    expect(page.locator("#events-way")).to_have_text(WAYS["stream"])
    rows = page.locator("#events-rows tr")
    known = rows.count()
    page.evaluate("() => document.querySelectorAll('#events-rows tr')[20].scrollIntoView()")
    before = page.evaluate("() => document.querySelectorAll('#events-rows tr')[20].getBoundingClientRect().top")
    tell(page, "read.new", 2)
    button = page.get_by_role("button", name="Show 2 new events")
    expect(button).to_have_count(1, timeout=20_000)
    expect(page.locator("#events-way")).to_have_text("Held while you read.")
    assert rows.count() == known
    assert page.evaluate("() => document.querySelectorAll('#events-rows tr')[20].getBoundingClientRect().top") == before
    page.evaluate("() => document.getElementById('events-show').click()")
    expect(rows.first).to_contain_text("read.new")
    assert rows.count() == known + 2 and page.evaluate("() => window.scrollY") == 0

    page.evaluate("""hidden => { Object.defineProperty(document, "hidden", { get: () => hidden.now });
        window.seen = hidden; document.dispatchEvent(new Event("visibilitychange")); }""", {"now": True})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/rows/" in request.url else None)
    tell(page, "read.late")
    page.wait_for_timeout(1500)
    assert not asked and rows.count() == known + 2
    page.evaluate("""() => { window.seen.now = false; document.dispatchEvent(new Event("visibilitychange")); }""")
    expect(rows.first).to_contain_text("read.late", timeout=20_000)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "events.png")
