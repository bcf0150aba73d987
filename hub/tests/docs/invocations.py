"""Management commands as texts write them (`manage.py project start NAME [--wait]`), compared with their parsers."""

from __future__ import annotations

import argparse
import re
from functools import cache

from django.core.management import get_commands, load_command_class

# What begins a management command in a text, up to the name of the command.
CALL = re.compile(r"(?:^|[\s(/])(?:manage\.py|bin/manage)[ \t]+(?P<words>[^\n`#;&]+)")
# Options that every command of Django has.
COMMON = {"--help", "--version", "--verbosity", "--settings", "--pythonpath", "--traceback", "--no-color",
          "--force-color", "--skip-checks"}


@cache
def parser(name: str) -> argparse.ArgumentParser | None:
    """The parser of a management command; None when there is no such command."""
    app = get_commands().get(name)
    return load_command_class(app, name).create_parser("manage.py", name) if app else None


def subcommands(found: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """By name; empty for a command that has none."""
    for action in found._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def options(found: argparse.ArgumentParser) -> set[str]:
    """Its options, long and short."""
    return {word for action in found._actions for word in action.option_strings}


def calls(text: str, *, shell: bool = False) -> list[str]:
    """The words after `manage.py` or `bin/manage`, for each time that a text has them. A ` | ` is a pipe in a shell;
    elsewhere it parts the subcommands of one command, each of which is a call."""
    found: list[str] = []
    for match in CALL.finditer(text):
        first, *more = match["words"].strip().split(" | ")
        found += [first, *([] if shell else [f"{first.split()[0]} {one}" for one in more])]
    return found


def wrong_with(words: str) -> list[str]:
    """What such a call names that is not there: the command, a subcommand or an option."""
    parts = re.sub(r"[\[\]()“”,]", " ", words).split()
    problems: list[str] = []
    for name in parts[0].split("|"):
        found = parser(name)
        if found is None:
            problems.append(f"there is no command {name}")
            continue
        known = [(name, found)]
        if (below := subcommands(found)) and len(parts) > 1:
            chosen = [word for word in parts[1].split("|") if re.fullmatch(r"[a-z][a-z-]*", word)]
            problems += [f"{name} has no {word}" for word in chosen if word not in below]
            known += [(f"{name} {word}", below[word]) for word in chosen if word in below]
        given = {word.split("=")[0] for part in parts for word in part.split("|") if word.startswith("--")}
        has = COMMON.union(*(options(one) for _, one in known))
        problems += [f"{name} has no option {word}" for word in sorted(given - has)]
    return problems
