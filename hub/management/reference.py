"""`python -m hub.management.reference > docs/commands.md`: the page of all commands, made of their parsers."""

from __future__ import annotations

import argparse
import os
import re

import django
from django.conf import settings
from django.core.management import get_commands, load_command_class

from hub.env import ROOT

HEAD = """\
# Commands

<!-- Made by `bin/python -m hub.management.reference > docs/commands.md`; a test compares it with the parsers. -->

`bin/manage` is `manage.py` in Hub's own environment, from any folder; with `--help` each command says what this page
says. What is wrong is told in a line on standard error with an exit code of 1 or more: 2 where the arguments are wrong
or the thing is not there, 3 where something is under way with it. `--json` gives one JSON document for scripts. Who may
do what by commands: [security](security.md).

## Scripts

| Script | |
|---|---|
"""
# What Django gives every command.
COMMON = {"help", "version", "verbosity", "settings", "pythonpath", "traceback", "no_color",
          "force_color", "skip_checks"}


def page() -> str:
    """The whole page."""
    parts = [HEAD + "".join(f"| `bin/{name}` | {_cell(text)} |\n" for name, text in _scripts())]
    for name in ours():
        parts.append(_section(name, load_command_class(get_commands()[name], name).create_parser("manage.py", name)))
    # The nightly backup's folder is this machine's; what names it is not.
    return "\n".join(parts).replace(str(settings.HUB_BACKUP_DIR), "HUB_BACKUP_DIR")


def ours() -> list[str]:
    """The names of Hub's own commands."""
    return sorted(name for name, app in get_commands().items() if (ROOT / app.replace(".", "/")).is_dir())


def _scripts() -> list[tuple[str, str]]:
    """By name what the comment below `#!/bin/sh` says."""
    found = []
    for path in sorted((ROOT / "bin").iterdir()):
        comment = re.match(r"#!.*\n((?:#.*\n)+)", path.read_text())
        found.append((path.name, " ".join(line.lstrip("# ") for line in comment[1].splitlines())))
    return found


def _section(name: str, parser: argparse.ArgumentParser) -> str:
    below = next((action for action in parser._actions if isinstance(action, argparse._SubParsersAction)), None)
    said = [f"## {name}\n", f"{parser.description}\n", "| | |\n|---|---|"]
    if below is None:
        rows, known = [(_usage(name, parser), "")], [parser]
    else:
        told = {choice.dest: choice.help or "" for choice in below._choices_actions}
        rows = [(_usage(f"{name} {word}", one), told.get(word, "")) for word, one in below.choices.items()]
        known = list(below.choices.values())
    if any(text for _, text in rows):
        said += [f"| `{_cell(usage)}` | {_cell(text)} |" for usage, text in rows]
    else:
        said[-1] = "\n".join(f"`{usage}`" for usage, _ in rows)
    listed = dict.fromkeys(f"- `{_words(action)}`: {' '.join((action.help or '').split())}" for one in known
                           for action in _own(one) if action.help)
    return "\n".join([*said, *(["", *listed] if listed else []), ""])


def _own(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions
            if action.dest not in COMMON and not isinstance(action, argparse._SubParsersAction)]


def _usage(name: str, parser: argparse.ArgumentParser) -> str:
    words = [name]
    for action in sorted(_own(parser), key=lambda action: bool(action.option_strings)):
        text = _words(action)
        words.append(text if action.required and action.nargs != "*" else f"[{text}]")
    return " ".join(words)


def _words(action: argparse.Action) -> str:
    """`--name NAME`, or `NAME` of what stands without an option."""
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    if not action.option_strings:
        return f"{value} ..." if action.nargs in ("*", "+") else str(value)
    option = max(action.option_strings, key=len)
    return option if action.nargs == 0 else f"{option} {value}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")
    django.setup()
    print(page(), end="")
