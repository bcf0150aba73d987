"""`manage.py node`: the hosts that work for this Hub."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts.shell import shell_actor
from events.actions import record
from events.context import acting
from events.times import iso
from projects.models import PortLease, Project
from tasks.models import Node, Task
from tasks.nodes import registry
from tasks.nodes.registry import BadNode, NodeInfo
from tasks.states import ACTIVE

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
        registry.checked(new)
        if not Project.objects.filter(node=old).exists():
            registry.known(old)
        with transaction.atomic():
            projects = Project.objects.filter(node=old)
            self._refuse_busy(old)
            taken = PortLease.objects.filter(node=new).values("host_port")
            if clash := PortLease.objects.filter(node=old, host_port__in=taken).first():
                raise CommandError(f"Port {clash.host_port} is leased on both nodes: lease another one first.",
                                   returncode=CONFLICT)
            PortLease.objects.filter(node=old).update(node=new)
            number = projects.update(node=new)
            Node.objects.get_or_create(name=new)
            Node.objects.filter(name=old).delete()
            record("node.renamed", {"from": old, "to": new, "projects": number})
        self.stdout.write(f"{number} projects of {old} belong to {new} now.")

    def do_remove(self, *, name: str, **_: Any) -> None:
        registry.known(name)
        with transaction.atomic():
            self._refuse_busy(name)
            if number := Project.objects.filter(node=name).count():
                raise CommandError(f"{number} projects belong to {name}: delete them, or rename the node.",
                                   returncode=CONFLICT)
            if any(one.name == name and one.answers for one in registry.nodes()):
                raise CommandError(f"{name} is alive: stop its workers and its watch first.", returncode=CONFLICT)
            Node.objects.filter(name=name).delete()
            record("node.removed", {"node": name})
        self.stdout.write(f"{name} is forgotten.")

    def _refuse_busy(self, name: str) -> None:
        busy = Task.objects.filter(node=name, state__in=sorted(ACTIVE)).first()
        if busy is not None:
            raise CommandError(f"{busy.title} is under way on {name}: wait until it has ended, or cancel it.",
                               returncode=CONFLICT)

    def _json(self, found: list[NodeInfo]) -> None:
        rows = [{"name": one.name, "host": one.host, "answers": one.answers, "well": one.is_well,
                 "workers": one.workers, "watch_seen_at": iso(one.seen_at), "here": one.is_here} for one in found]
        self.stdout.write(json.dumps(rows, indent=2))
