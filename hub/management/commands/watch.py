"""`manage.py watch`: the loop that rescues tasks and observes projects."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import import_string

from events.relay.loop import Carrier, Relay
from events.relay.redis_stream import RedisCarrier
from hub.watch import Watch
from tasks.nodes.registry import BadNode, checked


class Command(BaseCommand):
    help = "Rescue tasks whose worker died, and compare projects of a node with what really runs, until it is stopped."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--node", default=settings.HUB_NODE, help="whose projects it looks after (HUB_NODE)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            node = checked(options["node"])
        except BadNode as error:
            raise CommandError(error.message, returncode=2) from None
        settings.HUB_NODE = node  # all that this process does belongs to that node
        carriers: list[Carrier] = [RedisCarrier()]
        if settings.NATS is not None:
            # By name: only a watch that has NATS to speak with carries its client.
            carriers.append(import_string("events.nats.carrier.NatsCarrier")(settings.NATS))
            if settings.NATS.consume:
                carriers.append(import_string("events.nats.consumer.NatsConsumer")(settings.NATS))
        Watch(node=node, relay=Relay(carriers)).run()
