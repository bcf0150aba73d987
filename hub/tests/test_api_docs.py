"""The documentation of the API works in a browser, with nothing from outside this Hub."""

import shutil

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync"]


@pytest.mark.skipif(CHROMIUM is None, reason="No Chromium is here: install the package chromium.")
def test_somebody_reads_how_to_register_a_project(live_server):
    complaints: list[str] = []
    addresses: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: addresses.append(request.url))
        page.goto(f"{live_server.url}/api/docs")
        page.get_by_text("Register a folder").click()
        page.get_by_text("each project has its own ports").wait_for()
        operation = page.locator("#operations-Projects-create_project")
        operation.get_by_role("button", name="Try it out").click()
        operation.locator("textarea").wait_for()
        page.get_by_text("Search tasks", exact=True).click()
        page.locator("#operations-Tasks-search_tasks .responses-table").first.wait_for()
        page.locator(".models-control, section.models button").first.click()
        browser.close()
    assert complaints == []
    assert len(addresses) >= 5 and all(address.startswith(live_server.url) for address in addresses)
