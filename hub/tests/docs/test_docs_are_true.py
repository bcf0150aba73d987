"""Somebody reads the documentation: what it names is there."""

from __future__ import annotations

import re
import struct
import subprocess
from functools import cache

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from bench.shots.images import SHOTS, WIDTH
from hub.env import ROOT
from hub.tests.docs import invocations
from hub.tests.docs.pages import LANGUAGES, anchors, blocks, images, links, pages, words_in_code

PAGES = list(pages())
# Variables of other programs, of tests, and names that only begin like one of ours.
NOT_OURS = {"HUB_", "HUB_SMTP_", "HUB_PORT_", "HUB_API_"}
# Images that are no pictures of pages.
DRAWN = {"architecture.svg"}
RUNS = ("*/**/*.py", "conftest.py", "docker-compose*.yml", "Dockerfile", "deploy/**/*", "bin/*", "examples/**/*")
VARIABLE = re.compile(r"(?<![A-Za-z0-9_$-])(?:HUB|METRICS|LLM|NATS|OTEL|SENTRY|POSTGRES|REDIS|DATABASE)_[A-Z0-9_]+")
ADDRESS = re.compile(r"(?<![\w.:/])/(?:api|health|metrics|tasks|projects|events|people|keys|account|alerts|analytics|"
                     r"retrospectives|sign-in)[\w/{}.-]*")


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_what_it_is(page):
    """A block without a language would be run by no test, and looked at by none."""
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{block} is {block.language or 'without a language'}"
        if block.language == "sh":
            done = subprocess.run(["bash", "-n"], input=_filled(block.text), capture_output=True, text=True,
                                  check=False)
            assert done.returncode == 0, f"{block}: {done.stderr}"
        else:
            if block.language == "python":
                compile(block.text, str(block), "exec")
            assert not re.search(r"^(sudo|bin/\w+|docker|systemctl|curl|git) [\w-]", block.text, re.MULTILINE), (
                f"{block} holds commands: make it a block of sh, so that they are run")


def _filled(text: str) -> str:
    """Placeholders in angle brackets as words: a shell would take them for redirections."""
    return re.sub(r"<[a-z][a-z ]*>", "WORD", text)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for link in links(page):
        if re.match(r"(https?|mailto):", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent.joinpath(path).resolve() if path else ROOT / page
        assert target.exists(), f"{page}: {link} leads nowhere"
        if anchor:
            assert anchor in anchors(str(target.relative_to(ROOT))), f"{page}: {link}: there is no such heading"


def test_every_image_is_made_by_the_script_or_drawn():
    """And has the size that the script gives it."""
    made = {name: shot.height for shot in SHOTS for name in shot.files()}
    assert {path.name for path in (ROOT / "docs" / "img").iterdir()} == made.keys() | DRAWN
    for name, height in made.items():
        head = (ROOT / "docs" / "img" / name).read_bytes()[:24]
        assert head.startswith(b"\x89PNG") and struct.unpack(">II", head[16:]) == (WIDTH, height), name


def test_every_page_and_every_image_is_reached():
    shown = {path for page in PAGES for path in images(page)}
    assert shown >= set((ROOT / "docs" / "img").iterdir()) and all(path.is_file() for path in shown)
    listed = {(ROOT / "docs").joinpath(link.partition("#")[0]).resolve() for link in links("docs/README.md")}
    assert {ROOT / page for page in PAGES if page.startswith("docs/")} - {ROOT / "docs/README.md"} <= listed


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_their_options_are_there(page):
    said = [call for block in blocks(page) for call in invocations.calls(block.text, shell=block.language == "sh")]
    said += [call for words in words_in_code(page) for call in invocations.calls(words)]
    wrong = {call: found for call in said if (found := invocations.wrong_with(call))}
    assert not wrong


def test_an_option_that_is_not_there_is_found():
    assert invocations.wrong_with("project start NAME --wait --now") == ["project has no option --now"]
    assert invocations.wrong_with("project begin NAME") == ["project has no begin"]
    assert invocations.wrong_with("nonsense") == ["there is no command nonsense"]
    assert invocations.wrong_with("workers drain|stop|kill ID [--wait]") == []


@pytest.mark.parametrize("page", PAGES)
def test_variables_are_read_by_somebody(page):
    unknown = {name for name in VARIABLE.findall(pages()[page]) if name not in NOT_OURS and name not in _read()}
    assert not unknown


@cache
def _read() -> set[str]:
    """Every word of that form in what runs: code, scripts and Compose files, but not the texts and their tests."""
    found: set[str] = set()
    for path in (path for pattern in RUNS for path in ROOT.glob(pattern)):
        if path.is_file() and path.suffix != ".md" and "docs" not in path.relative_to(ROOT).parts and not {
                ".venv", "var"} & set(path.relative_to(ROOT).parts):
            found |= set(re.findall(r"\b[A-Z][A-Z0-9_]+", path.read_text(errors="replace")))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_files_are_there(page):
    rooms = "|".join(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith((".", "var")))
    for words in words_in_code(page):
        if re.fullmatch(rf"(?:{rooms})/[\w./*-]*", words):
            here = list(ROOT.glob(words.rstrip("/"))) or list(ROOT.joinpath("docs").glob(words))
            assert here, f"{page}: there is no {words}"


@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith("examples/")])
def test_addresses_are_there(page):
    said = {address.rstrip("./") for text in [*words_in_code(page), *(block.text for block in blocks(page))]
            for address in ADDRESS.findall(text)}
    for address in said:
        assert _known(address), f"{page}: there is no {address}"


def _known(address: str) -> bool:
    plain = re.sub(r"\{[^}]*\}|(?<=/)\d+(?=/|$)", "1", address)
    return any(pattern.fullmatch(candidate) for candidate in (plain, plain + "/") for pattern in _addresses())


@cache
def _addresses() -> list[re.Pattern[str]]:
    """A pattern for every route, in which any word may stand where a value goes."""
    found: list[re.Pattern[str]] = []

    def walk(patterns: list[URLPattern | URLResolver], before: str) -> None:
        for one in patterns:
            route = before + str(one.pattern).lstrip("^").replace("\\Z", "").rstrip("$")
            if isinstance(one, URLResolver):
                walk(one.url_patterns, route)
            else:
                plain = re.sub(r"<[^>]*>|\(\?P<[^)]*\)", "\0", route)
                found.append(re.compile("/" + re.escape(plain).replace("\0", "[^/]+").replace("\\\0", "[^/]+")))

    walk(get_resolver().url_patterns, "")
    return found
