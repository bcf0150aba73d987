"""One whole Hub for the tests of a file, and a browser that is signed in there."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from hub.tests.chromium import CHROMIUM, SWITCHES
from hub.tests.system.running_hub import RunningHub, processes_of
from projects.tests.port_slice import claimed


@pytest.fixture(scope="module")
def hub() -> Iterator[RunningHub]:
    """One Hub for the tests of a file. At the end nothing of it or of its stacks may be left."""
    with tempfile.TemporaryDirectory(prefix="hub-system-") as scratch:
        data, root = Path(scratch).resolve() / "data", Path(scratch).resolve() / "projects"
        data.mkdir(mode=0o700)
        root.mkdir()
        ports = claimed()
        running = RunningHub(data, root, ports.free(), ports.hub)
        try:
            running.up()
            yield running
            running.manage("up", "--stop-stacks")
        finally:
            running.down()
            left = processes_of(data)
            for process in left:
                process.kill()
            assert not left, f"left running: {left}"


@pytest.fixture(scope="module")
def signed_in(hub: RunningHub) -> Iterator[BrowserContext]:
    """The first admin, who came by the link that the start shows."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        context = browser.new_context(base_url=hub.address)
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.goto(re.search(r"http://\S+/sign-in/\S+", hub.said())[0])
        page.fill("[name=username]", "mara")
        page.fill("[name=password1]", "a sentence is fine")
        page.click("button.primary")
        expect(page.get_by_role("heading", name="Projects")).to_be_visible()
        page.close()
        yield context
        browser.close()


@pytest.fixture
def page(signed_in: BrowserContext) -> Iterator[Page]:
    """A page of theirs; at the end its console may hold no error but of what a test has cut."""
    page = signed_in.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    page.close()
    assert not [text for text in said if "ERR_FAILED" not in text], said
