"""The monitor in a real browser: it changes as things happen, a hidden tab asks nothing, and without the stream it
polls."""


import pytest
from playwright.sync_api import Page, expect

from hub.tests.chromium import CHROMIUM, MISSING
from hub.tests.system.running_hub import REPOSITORY, RunningHub

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)

SCREENSHOTS = REPOSITORY / "var" / "screenshots"
MONITOR, STREAM = "/tasks/monitor/", "**/tasks/monitor/stream/**"
WAYS = {"stream": "Shown as it happens.", "polls": "Looked up every 2 s."}


def pause(hub: RunningHub, lane: str, *, wish: bool) -> None:
    hub.manage("lane", "pause" if wish else "resume", lane)


@pytest.mark.parametrize("way", ["stream", "polls"])
def test_it_changes_as_things_happen(hub: RunningHub, page: Page, way: str):
    if way == "polls":
        page.route(STREAM, lambda route: route.abort())
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if "style" in message.text else None)
    page.goto(MONITOR)
    expect(page.locator("#monitor-way")).to_have_text(WAYS[way])
    # What screenshots and add-ons leave behind is not carried over into the newer part, which the policy would refuse.
    assert page.evaluate("""() => [...document.querySelectorAll("#monitor [id]")].map(
        (one) => { one.style.color = "red"; one.style.removeProperty("color"); return one.id; })""")
    row = page.locator("#lane-reports")
    page.locator("details.chart-data summary").click()
    row.get_by_role("button").focus()
    pause(hub, "reports", wish=True)
    expect(row).to_contain_text("Paused", timeout=10_000)
    if way == "stream":  # what was opened stays so
        expect(page.locator("details.chart-data table")).to_be_visible()
    row.get_by_role("button", name="Resume reports").click()
    expect(page.locator("#toasts")).to_contain_text("starts tasks again")
    expect(row).not_to_contain_text("Paused", timeout=10_000)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"monitor-{way}.png", full_page=True)
    assert refused == []


@pytest.mark.parametrize("way", ["stream", "polls"])
def test_a_hidden_tab_asks_nothing_and_catches_up_when_it_is_seen(hub: RunningHub, page: Page, way: str):
    if way == "polls":
        page.route(STREAM, lambda route: route.abort())
    page.goto(MONITOR)
    expect(page.locator("#monitor-way")).to_have_text(WAYS[way])
    # A page may begin with a look of a second ago, when the lane was still paused by the test before.
    expect(page.locator("#lane-metrics")).not_to_contain_text("Paused", timeout=10_000)
    page.evaluate("""hidden => { Object.defineProperty(document, "hidden", { get: () => hidden.now });
        window.seen = hidden; document.dispatchEvent(new Event("visibilitychange")); }""", {"now": True})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    pause(hub, "metrics", wish=True)  # takes longer than a poll's two seconds
    page.wait_for_timeout(2500)
    assert not asked
    expect(page.locator("#lane-metrics")).not_to_contain_text("Paused")
    page.evaluate("""() => { window.seen.now = false; document.dispatchEvent(new Event("visibilitychange")); }""")
    expect(page.locator("#lane-metrics")).to_contain_text("Paused", timeout=10_000)
    pause(hub, "metrics", wish=False)


def test_a_browser_without_scripts_reads_it_and_presses_its_buttons(hub: RunningHub, page: Page):
    plain = page.context.browser.new_context(base_url=hub.address, java_script_enabled=False,
                                             storage_state=page.context.storage_state())
    try:
        page = plain.new_page()
        page.set_default_timeout(20_000)
        page.goto(MONITOR)
        for heading in ("Lanes", "Workers", "Running", "Next", "Failures, 24 h"):
            expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        expect(page.locator("#monitor-way")).to_be_hidden()
        page.get_by_role("link", name="Day", exact=True).click()
        expect(page.locator("figure.chart")).to_contain_text("In the last day")
        page.get_by_role("button", name="Pause stacks").click()
        expect(page.locator("#lane-stacks")).to_contain_text("Paused by mara")
        page.get_by_role("button", name="Resume stacks").click()
        expect(page.locator("#lane-stacks")).not_to_contain_text("Paused")
        worker = page.locator("tr[id^='worker-']").first
        worker.get_by_role("button", name="Drain").click()
        expect(page.locator("tr[id^='worker-']", has_text="draining")).to_be_visible()
    finally:
        plain.close()


def test_a_script_follows_over_a_websocket(hub: RunningHub, page: Page):
    page.goto(MONITOR)
    snapshot = page.evaluate("""() => new Promise((told, failed) => {
        const socket = new WebSocket(`ws://${location.host}/api/tasks/stream`);
        socket.onmessage = (event) => { told(JSON.parse(event.data)); socket.close(); };
        socket.onerror = () => failed("refused");
    })""")
    assert snapshot["version"] and {lane["name"] for lane in snapshot["lanes"]} >= {"stacks", "default"}
