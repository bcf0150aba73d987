"""The page of all commands says what their parsers say."""

from __future__ import annotations

from hub.management.reference import ours, page
from hub.tests.docs.pages import pages


def test_it_is_what_the_parsers_say():
    assert pages()["docs/commands.md"] == page(), "bin/python -m hub.management.reference > docs/commands.md"


def test_every_command_of_hub_is_on_it():
    assert {"up", "project", "task", "doctor", "backup", "signin-link"} <= set(ours()) and "dbshell" not in ours()
    assert "/tmp" not in page()
