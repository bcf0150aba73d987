"""`manage.py node`: the hosts that work for this Hub."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.shell import shell_actor
from events.context import acting
from events.times import iso
from projects.actions.nodes import forget_node, rename_node
from projects.errors import ProjectError
from tasks.nodes import registry
from tasks.nodes.registry import BadNode, NodeInfo

BAD_INPUT, CONFLICT = 2, 3


class Command(BaseCommand):
    """`manage.py node list|rename|remove`. Exit code 0: done; 2: bad input; 3: it is in use."""

    help = "Lists, renames and forgets nodes."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        listing = verbs.add_parser("list", help="Every node, and whether it answers.")
        listing.add_argument("--json", action="store_true", help="JSON on standard output")
        rename = verbs.add_parser("rename", help="Give the projects of a node to another name. Stop them before.")
        rename.add_argument("old")
        rename.add_argument("new")
        verbs.add_parser("remove", help="Forget a node that is gone and has no projects.").add_argument("name")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        with acting(actor=shell_actor(), via="command"):
            try:
                getattr(self, f"do_{verb}")(**options)
            except BadNode as error:
                raise CommandError(error.message, returncode=BAD_INPUT) from None
            except ProjectError as error:
                raise CommandError(error.message, returncode=CONFLICT) from None

    def do_list(self, *, json: bool, **_: Any) -> None:
        found = registry.nodes()
        if json:
            return self._json(found)
        for one in found:
            workers = "?" if one.workers is None else one.workers
            state = "answers" if one.is_well else registry.since(one) if not one.answers else "needs a look"
            self.stdout.write(f"{one.name}  {state}  {workers} workers  {one.host}{'  (this one)' * one.is_here}")
        return None

    def do_rename(self, *, old: str, new: str, **_: Any) -> None:
        number = rename_node(old, new)
        self.stdout.write(f"{number} projects of {old} belong to {new} now.")

    def do_remove(self, *, name: str, **_: Any) -> None:
        forget_node(name)
        self.stdout.write(f"{name} is forgotten.")

    def _json(self, found: list[NodeInfo]) -> None:
        rows = [{"name": one.name, "host": one.host, "answers": one.answers, "well": one.is_well,
                 "workers": one.workers, "watch_seen_at": iso(one.seen_at), "here": one.is_here} for one in found]
        self.stdout.write(json.dumps(rows, indent=2))
