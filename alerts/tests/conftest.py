"""What tests of alerts share: a real mail server, and rules that are quick."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from alerts.models import Rule
from projects.tests.port_slice import free_port


@dataclass
class Mailbox:
    """A real SMTP server on this machine. `answer`: what it says to a message that it was given."""

    port: int
    answer: str = "250 OK"
    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return self.answer

    @property
    def subjects(self) -> list[str]:
        return [mail["Subject"] for mail in self.mails]


@pytest.fixture
def mailbox(settings) -> Iterator[Mailbox]:
    """Mail goes to a server that keeps it. pytest-django's own outbox would not be a server."""
    box = Mailbox(free_port())
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
    yield box
    controller.stop()


@pytest.fixture
def only_rule(db) -> Callable[..., Rule]:
    """`only_rule("tasks.depth", bound=1)`: that rule, quick, and none of Hub's own."""

    def make(measure: str, **fields: Any) -> Rule:
        Rule.objects.all().delete()
        return Rule.objects.create(**{"name": "It is bad", "measure": measure, "bound": 0, "hold": 0, "calm": 0,
                                      "created_by": "test", **fields})

    return make
