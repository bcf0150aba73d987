"""`manage.py worker`: one process that works on tasks."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connections

from tasks.lanes import LANES
from tasks.nodes.registry import BadNode, NodeTaken, join
from tasks.worker import HubWorker, NameTaken

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Work on tasks until stopped. SIGTERM ends after the task at hand; a second one kills the task."
    # The pages and the API are nothing to a worker, and cost memory.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--lanes", default=",".join(LANES), help=f"comma-separated, of {', '.join(LANES)}")
        parser.add_argument("--node", default=settings.HUB_NODE, help="whose stacks it works on (HUB_NODE)")
        parser.add_argument("--name", default=None, help="unique among live workers")

    def handle(self, *args: Any, **options: Any) -> None:
        lanes = [lane.strip() for lane in options["lanes"].split(",") if lane.strip()]
        unknown = [lane for lane in lanes if lane not in LANES]
        if unknown or not lanes:
            raise CommandError(f"There is no lane {', '.join(unknown)!r}: use {', '.join(LANES)}.", returncode=2)
        try:
            _join(options["node"])
            settings.HUB_NODE = options["node"]  # all that this process and its horses do belongs to that node
            HubWorker.of_lanes(lanes, options["name"], options["node"]).work()
        except BadNode as error:
            raise CommandError(error.message, returncode=2) from None
        except (NameTaken, NodeTaken) as error:
            raise CommandError(str(error), returncode=2) from None


def _join(node: str) -> None:
    """Tell the database that there is this node. Without a database the worker waits for it as ever: the node's `watch`
    says it again."""
    try:
        join(node)
    except Error as error:
        logger.warning("The database does not answer: %s", error)
    finally:
        connections.close_all()
