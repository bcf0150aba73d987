"""What can be done with channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from alerts.channels.registry import KINDS
from alerts.courier import send
from alerts.errors import AlertError, Undelivered
from alerts.messages import trial_message
from alerts.models import Channel
from events.actions import record
from events.context import current
from events.ids import uuid7
from events.secrets import MASK

LONGEST = 4000


def create(name: str, kind: str, config: Mapping[str, str], *, enabled: bool = True) -> Channel:
    """A new channel. Raises AlertError."""
    if kind not in KINDS:
        raise AlertError(f"There is no kind {kind[:40]!r} of channels: use {', '.join(KINDS)}.", "kind")
    channel = Channel(kind=kind, enabled=enabled, created_by=current().actor)
    return _write(channel, name, config, "channel-created")


def change(channel: Channel, *, name: str | None = None, config: Mapping[str, str] | None = None,
           enabled: bool | None = None) -> Channel:
    """Change what is given; a secret that is given as its mask, or empty, stays as it is. Raises AlertError."""
    if enabled is not None:
        channel.enabled = enabled
    return _write(channel, channel.name if name is None else name, config, "channel-changed")


def remove(channel: Channel) -> None:
    """Delete it with what it was still to deliver."""
    with transaction.atomic():
        record("alert.channel-deleted", {"channel": channel.pk, "name": channel.name, "kind": channel.kind})
        channel.delete()


def test(channel: Channel) -> None:
    """Send a message through it now. Raises Undelivered, which says what was wrong."""
    problem = ""
    try:
        send(channel, trial_message(channel.name), str(uuid7()))
    except Undelivered as error:
        problem = error.message[:500]
        raise
    finally:
        with transaction.atomic():
            Channel.objects.filter(pk=channel.pk).update(
                problem=problem, **({} if problem else {"last_sent_at": timezone.now()}))
            record("alert.channel-tested", {"channel": channel.pk, "name": channel.name, "problem": problem})


def shown_config(channel: Channel) -> dict[str, str]:
    """What a channel knows, with a mask in place of each secret; empty where it cannot be decrypted."""
    kind = KINDS.get(channel.kind)
    if kind is None:
        return {}
    try:
        config = channel.config
    except AlertError:
        return {}
    return {field.name: (MASK if config.get(field.name) else "") if field.secret else config.get(field.name, "")
            for field in kind.fields}


def _write(channel: Channel, name: str, config: Mapping[str, str] | None, done: str) -> Channel:
    channel.name = name.strip()
    if not 1 <= len(channel.name) <= 100 or not channel.name.isprintable():
        raise AlertError("A name has 1 to 100 letters.", "name")
    if config is not None:
        channel.config = _checked(channel, config)
    try:
        with transaction.atomic():
            channel.save()
            # Not what it knows: that is for those who may change it.
            record(f"alert.{done}", {"channel": channel.pk, "name": channel.name, "kind": channel.kind,
                                     "enabled": channel.enabled})
    except IntegrityError:
        raise AlertError(f"There is a channel named {channel.name!r} already.", "name") from None
    return channel


def _checked(channel: Channel, given: Mapping[str, Any]) -> dict[str, str]:
    kind = KINDS.get(channel.kind)
    if kind is None:
        raise AlertError(f"This Hub has no channels of the kind {channel.kind!r}: delete it, and make another.", "kind")
    known = {field.name for field in kind.fields}
    unknown = sorted(set(given) - known)
    if unknown:
        raise AlertError(f"{kind.title} has no {unknown[0][:40]!r}.", unknown[0][:40])
    before = channel.config if channel.pk else {}
    values = {}
    for field in kind.fields:
        text = given.get(field.name, before.get(field.name, ""))
        if not isinstance(text, str) or len(text) > LONGEST:
            raise AlertError(f"{field.title} is a text of at most {LONGEST:,} characters.", field.name)
        text = text.strip()
        if field.secret and text in ("", MASK) and before.get(field.name):
            text = before[field.name]
        if field.required and not text:
            raise AlertError(f"{field.title} is wanted.", field.name)
        values[field.name] = text
    kind.check(values)
    return values
