"""`python -m bench.screens [NAME ...]`: pictures of the pages of tasks with a million rows behind them, light and dark,
360 and 1280 wide, in `var/screens`. Uses the database that `bin/bench search` keeps in HUB_BENCH_KEEP; without, it
makes one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from http.cookies import SimpleCookie
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from bench.hub import Person
from bench.size import FULL
from hub.tests.chromium import CHROMIUM, SWITCHES
from hub.tests.system.running_hub import RunningHub
from projects.tests.port_slice import claimed

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "var" / "screens"
WIDTHS, THEMES, HEIGHT, LONGEST = (360, 1280), ("light", "dark"), 900, 2600
WORKERS = 60


def _first(page: Page, path: str) -> None:
    """The page of the first task in a list."""
    page.goto(path)
    page.goto(page.locator("#tasks th a.name").first.get_attribute("href"))


def _bulk(page: Page, path: str) -> None:
    """The preview of a change of all that a list shows."""
    page.goto(path)
    page.get_by_label("all that match").check()
    page.get_by_role("button", name="Priority").click()
    page.wait_for_load_state()


def _deep(page: Page, path: str) -> None:
    """Some pages on."""
    page.goto(path)
    for _ in range(3):
        page.locator(".pager a[rel=next]").click()
        page.wait_for_load_state()


def _opened(page: Page, path: str) -> None:
    page.goto(path)


PAGES: dict[str, tuple[str, Callable[[Page, str], None]]] = {
    "list": ("/tasks/", _opened),
    "search": ("/tasks/?q=timeout+state:failed", _opened),
    "filters": ("/tasks/?priority=8..10&lane=reports&created=30d&state=failed", _opened),
    "nothing": ("/tasks/?q=sandbox", _opened),
    "bad": ("/tasks/?q=harbour+state:done", _opened),
    "deep": ("/tasks/", _deep),
    "failed": ("/tasks/?q=state:failed+attempt:>1", _first),
    "succeeded": ("/tasks/?state=succeeded", _first),
    "bulk": ("/tasks/?state=scheduled", _bulk),
    "saved": ("/tasks/saved/?add=q%3Dtimeout", _opened),
    "monitor": ("/tasks/monitor/?range=day", _opened),
    "workers": ("/tasks/workers/", _opened),
    "home": ("/", _opened),
    "events": ("/events/", _opened),
    "analytics": ("/analytics/", _opened),
}


def main(names: list[str]) -> None:
    """Take them, one Hub for all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as scratch:
        data, root = Path(scratch).resolve() / "data", Path(scratch).resolve() / "projects"
        data.mkdir(mode=0o700)
        root.mkdir()
        kept = Path(os.environ.get("HUB_BENCH_KEEP", "/nowhere")) / "sqlite"
        if kept.is_dir():
            shutil.copytree(kept, data, dirs_exist_ok=True)
        ports = claimed()
        hub = RunningHub(data, root, ports.free(), ports.whole, {})
        try:
            hub.up()
            tasks = 0 if kept.is_dir() else FULL.listed
            subprocess.run([sys.executable, "-m", "bench.crowd", str(tasks), str(WORKERS)], cwd=ROOT, env=hub.environ,
                           check=True)
            _take(hub, names or list(PAGES))
        finally:
            hub.down()


def _take(hub: RunningHub, names: list[str]) -> None:
    cookies = SimpleCookie(Person.of(hub).headers["Cookie"])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        for theme in THEMES:
            for width in WIDTHS:
                _those(browser, hub.address, cookies, theme, width, names)
        browser.close()


def _those(browser: Browser, address: str, cookies: SimpleCookie, theme: str, width: int, names: list[str]) -> None:
    context = browser.new_context(base_url=address, color_scheme=theme, viewport={"width": width, "height": HEIGHT})
    context.add_cookies([{"name": name, "value": one.value, "url": address} for name, one in cookies.items()])
    for name in names:
        path, open_ = PAGES[name]
        page, began = context.new_page(), time.monotonic()
        open_(page, path)
        page.wait_for_timeout(700)  # what is asked for when the page is there, such as the count
        wide = page.evaluate("document.documentElement.scrollWidth")
        page.set_viewport_size({"width": width, "height": min(LONGEST, max(HEIGHT, page.evaluate(
            "document.documentElement.scrollHeight")))})
        page.screenshot(path=FOLDER / f"{name}-{width}-{theme}.png")
        said = "" if wide <= width else f" IS {wide} WIDE"
        print(f"{name}-{width}-{theme}.png {time.monotonic() - began:.1f} s{said}", flush=True)
        page.close()
    context.close()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that its Hub ends with it
    main(sys.argv[1:])
