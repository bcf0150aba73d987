"""A team lead who never saw Hub: from a file to a printed report, in a real browser, by what the pages say."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from hub.tests.chromium import CHROMIUM, MISSING, SWITCHES
from hub.tests.system.running_hub import RunningHub
from retrospectives.tests.conftest import csv_of, sprint

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)


def test_from_a_file_to_paper(hub: RunningHub, tmp_path: Path):
    file = tmp_path / "sprints.csv"
    file.write_text(csv_of([sprint(number, team_id="Harbour") for number in range(1, 13)]))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        for scripted in (True, False):
            context = browser.new_context(java_script_enabled=scripted, base_url=hub.address)
            context.set_default_timeout(30_000)
            page = context.new_page()
            if scripted:
                page.goto(re.search(r"http://\S+/sign-in/\S+", hub.said())[0])
                page.fill("[name=username]", "lead")
                page.fill("[name=password1]", "a sentence is fine")
                page.click("button.primary")
            else:
                page.goto("/sign-in/")
                page.fill("[name=username]", "lead")
                page.fill("[name=password]", "a sentence is fine")
                page.click("button.primary")
            page.get_by_role("link", name="Sprints").click()
            page.get_by_role("link", name="Import").first.click()
            page.set_input_files("[name=file]", file)
            page.get_by_role("button", name="Import").click()
            expect(page.get_by_role("link", name="Sprint 12")).to_be_visible()
            page.get_by_role("link", name="Make a report").click()
            page.get_by_role("button", name="Make the report").click()
            expect(page.get_by_role("heading", name="Retrospective, Harbour")).to_be_visible(timeout=60_000)
            expect(page.locator(".headline")).to_contain_text("Review is where the work waits, since Sprint 7")
            expect(page.get_by_role("heading", name="First review within half a working day")).to_be_visible()
            assert page.get_by_role("button", name="Print").is_visible() == scripted
            if scripted:
                paper = page.pdf(format="A4")
                assert paper.startswith(b"%PDF") and 1 <= len(re.findall(rb"/Type\s*/Page\b", paper)) <= 6
            context.close()
        browser.close()
