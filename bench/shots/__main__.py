"""`bin/screenshots`: makes a Hub with example stacks and weeks of history, and every image of README and docs that is a
picture of a page. Nothing of it is left but the images."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from bench.shots.images import DASHBOARD, FAILED, JOBS, OVERVIEW, PROJECT, REPORT, STARTING, WIDTH, Shot
from hub.tests.chromium import CHROMIUM, MISSING, SWITCHES
from hub.tests.system.running_hub import REPOSITORY, RunningHub, processes_of
from projects.tests.port_slice import claimed

IMAGES = REPOSITORY / "docs" / "img"
BROKEN = "web: python3 -c 'import psycopg'\nworker: exec sleep 1000\n"
# So long the slow service of the pipeline takes: time for two pictures of two pages.
SLOW_SECONDS = 15


def main() -> int:
    """0; 1 where there is no browser."""
    parser = argparse.ArgumentParser(prog="bin/screenshots", description=__doc__)
    parser.add_argument("--to", type=Path, default=IMAGES, help="the folder of the images (docs/img)")
    folder = parser.parse_args().to
    if CHROMIUM is None:
        print(f"bin/screenshots: {MISSING}", file=sys.stderr)
        return 1
    with _hub() as hub, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        context = browser.new_context(base_url=hub.address, locale="en-GB", timezone_id="UTC",
                                      viewport={"width": WIDTH, "height": 900})
        context.set_default_timeout(60_000)
        page = context.new_page()
        _sign_in(page, hub)
        _take_all(page, hub, folder)
        browser.close()
    return 0


@contextmanager
def _hub() -> Iterator[RunningHub]:
    """A Hub whose folders have names that could be anybody's."""
    with tempfile.TemporaryDirectory(prefix="hub-shots-") as scratch, _code() as root:
        data = Path(scratch).resolve() / "data"
        data.mkdir(mode=0o700)
        # As on a Hub whose people have removed the examples long ago.
        (data / "examples.offered").write_text("\n".join(one.name for one in (REPOSITORY / "examples").iterdir()))
        ports = claimed()
        hub = RunningHub(data, root, ports.free(), ports.whole, {"HUB_ID": "studio-7", "HUB_NODE": "studio"})
        try:
            hub.up()
            hub.key = hub.manage("apikey", "create", "laptop", "--role", "admin").split()[-1]
            yield hub
            hub.manage("up", "--stop-stacks")
        finally:
            hub.down()
            for process in processes_of(data):
                process.kill()


@contextmanager
def _code() -> Iterator[Path]:
    """The folder that pages show. Only one can be there."""
    place = Path(tempfile.gettempdir()).resolve() / "code"
    try:
        place.mkdir()
    except FileExistsError:
        sys.exit(f"bin/screenshots: {place} is there already: perhaps another one runs. Remove it first.")
    try:
        yield place
    finally:
        shutil.rmtree(place)


def _sign_in(page: Page, hub: RunningHub) -> None:
    page.goto(re.search(r"http://\S+/sign-in/\S+", hub.said())[0])
    page.fill("[name=username]", "mara")
    page.fill("[name=password1]", "a sentence is fine")
    page.click("button.primary")
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()


def _take_all(page: Page, hub: RunningHub, folder: Path) -> None:
    projects = _projects(hub)
    for path, shot in _history(hub, projects):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        _take(page, shot, folder)
    # The third start of a stack has a percentage, from those before it.
    begun = hub.ask(projects["weather-station"], "start")
    page.goto(f"/projects/{projects['weather-station']}/")
    expect(page.get_by_text(re.compile(r"^[3-9]\d %$")).first).to_be_visible(timeout=30_000)
    _take(page, STARTING, folder)
    page.goto("/")
    expect(page.get_by_text(re.compile(r"^[3-9]\d %$")).first).to_be_visible(timeout=30_000)
    _take(page, DASHBOARD, folder)
    hub.ended(begun)
    page.goto(f"/projects/{projects['atlas']}/")
    expect(page.get_by_text("No module named 'psycopg'").first).to_be_visible()
    _take(page, FAILED, folder)


def _projects(hub: RunningHub) -> dict[str, int]:
    """Real stacks, by name: two that run, a copy, one that was started twice, one that cannot start."""
    for name, example in (("field-notes", "hello"), ("shop", "shop"), ("weather-station", "pipeline")):
        shutil.copytree(REPOSITORY / "examples" / example, hub.root / name)
    (hub.root / "atlas").mkdir()
    (hub.root / "atlas" / "Procfile").write_text(BROKEN)
    found = {name: hub.add(name, hub.root / name) for name in ("field-notes", "shop", "atlas")}
    found["shop-redesign"] = hub.add("shop-redesign", hub.root / "shop")
    found["weather-station"] = hub.add("weather-station", hub.root / "weather-station",
                                       env={"SLOW_SECONDS": str(SLOW_SECONDS)})
    for name in ("field-notes", "shop", "shop-redesign"):
        hub.start(found[name])
    failed = hub.ended(hub.ask(found["atlas"], "start"))
    assert failed["state"] == "failed", failed
    for _ in range(2):
        hub.start(found["weather-station"], 120)
        assert hub.ended(hub.ask(found["weather-station"], "stop"))["state"] == "succeeded"
    return found


def _history(hub: RunningHub, projects: dict[str, int]) -> list[tuple[str, Shot]]:
    """Weeks of tasks and sprints; the pages that show them."""
    file = hub.root / "sprints.csv"
    # What is to be started has its own history already.
    told = json.dumps({name: number for name, number in projects.items() if name != "weather-station"})
    subprocess.run([sys.executable, "-m", "bench.shots.story", told, str(file)], cwd=REPOSITORY,
                   check=True, env={**hub.environ, "DJANGO_SETTINGS_MODULE": "hub.settings"})
    hub.manage("analytics", "rebuild")
    hub.manage("retrospective", "import", str(file))
    said = hub.manage("retrospective", "generate", "--team", "Harbour", "--count", "14", "--context",
                      "Two people were on leave in Sprint 9.")
    assert hub.ended(re.search(r"Task (\S+):", said)[1])["state"] == "succeeded"
    report = hub.get("/api/reports").body["items"][0]["id"]
    return [("/analytics/", OVERVIEW), ("/analytics/jobs/", JOBS),
            (f"/analytics/projects/{projects['shop']}/", PROJECT), (f"/retrospectives/{report}/", REPORT)]


def _take(page: Page, shot: Shot, folder: Path) -> None:
    page.set_viewport_size({"width": WIDTH, "height": shot.height})
    for name in shot.files():
        page.emulate_media(color_scheme="dark" if name.endswith("-dark.png") else "light", reduced_motion="reduce")
        page.screenshot(path=folder / name, animations="disabled", caret="hide")
        print(folder / name, flush=True)
    page.emulate_media(color_scheme="light")


if __name__ == "__main__":
    sys.exit(main())
