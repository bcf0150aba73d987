"""What tests of alerts share: a real mail server, and rules that are quick."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from alerts.models import Rule
from alerts.tests.mailbox import Mailbox, listening


@pytest.fixture
def mailbox(settings) -> Iterator[Mailbox]:
    """Mail goes to a server that keeps it. pytest-django's own outbox would not be a server."""
    with listening() as box:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        yield box


@pytest.fixture
def only_rule(db) -> Callable[..., Rule]:
    """`only_rule("tasks.depth", bound=1)`: that rule, quick, and none of Hub's own."""

    def make(measure: str, **fields: Any) -> Rule:
        Rule.objects.all().delete()
        return Rule.objects.create(**{"name": "It is bad", "measure": measure, "bound": 0, "hold": 0, "calm": 0,
                                      "created_by": "test", **fields})

    return make
