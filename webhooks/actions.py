"""What can be done with webhooks: the use cases behind page, API, admin and command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from events.actions import record
from events.changes import differences
from events.context import current
from events.encryption import encrypt
from events.models import Event
from events.outgoing.posting import check
from events.outgoing.targets import TargetFailed, TargetRefused
from events.relay.numbering import last_position
from events.subjects import BadSubject, Pattern, own
from tasks.actions import cancel, enqueue
from tasks.errors import AlreadyEnded
from tasks.models import Task
from tasks.states import ACTIVE
from webhooks.errors import BadWebhook
from webhooks.jobs import SendAgain
from webhooks.models import ABOUT, Delivery, State, Subscription
from webhooks.signing import key_of, new_secret

MOST = 100


def create(*, name: str, subject: str, url: str, secret: str = "") -> tuple[Subscription, str]:
    """A new one, which is sent what happens from now on, and its secret, which nobody is shown again. Raises
    BadWebhook(message, field)."""
    secret = secret or new_secret()
    if Subscription.objects.count() >= MOST:
        raise BadWebhook(f"There are {MOST} webhooks already. Delete one first.")
    row = Subscription(
        **checked(name=name, subject=subject, url=url), secret=_secret(secret), position=last_position(),
        created_by=current().actor, created_at=timezone.now(),
    )  # fmt: skip
    with _unique(row.name), transaction.atomic():
        row.save(force_insert=True)
        _say(row, "created", differences({}, row.audited()))
    return row, secret


def checked(*, name: str, subject: str, url: str, but: str = "") -> dict[str, str]:
    """The same as they are kept; an address `but` is known already. Raises BadWebhook(message, field)."""
    return {"name": _name(name), "subject": _subject(subject), "url": url if but and url == but else _url(url)}


def change(row: Subscription, *, name: str | None = None, subject: str | None = None, url: str | None = None
           ) -> Subscription:
    """Change what is given. What it has not got yet is sent as the new settings say. Raises BadWebhook."""
    wanted = checked(name=row.name if name is None else name, subject=row.subject if subject is None else subject,
                     url=row.url if url is None else url, but=row.url)
    with _unique(wanted["name"]), transaction.atomic():
        before = _locked(row).audited()
        Subscription.objects.filter(pk=row.pk).update(**wanted, version=F("version") + 1)
        row.refresh_from_db()
        if told := differences(before, row.audited())["after"]:
            _say(row, "changed", {"before": {field: before[field] for field in told}, "after": told})
    _try_now(row)
    return row


def change_secret(row: Subscription, secret: str = "") -> str:
    """Sign with another secret from now on; returns it, for the last time. Raises BadWebhook."""
    secret = secret or new_secret()
    with transaction.atomic():
        Subscription.objects.filter(pk=row.pk).update(secret=_secret(secret), version=F("version") + 1)
        _say(row, "secret-changed", {})
    row.refresh_from_db()
    return secret


def pause(row: Subscription) -> Subscription:
    """Send nothing until it is resumed. What happens meanwhile is sent then."""
    fields = {"state": State.PAUSED, "reason": f"Paused by {current().actor}."}
    _move(row, "paused", [State.ON], fields)
    _stop(row)
    return row


def resume(row: Subscription) -> Subscription:
    """Go on where it stopped; what fails just now is tried again at once."""
    fields = {"state": State.ON, "reason": "", "failing_since": None, "failures": 0}
    if not _move(row, "resumed", [State.PAUSED, State.DISABLED], fields):
        _try_now(row)
    return row


def go_on_after(row: Subscription, position: int) -> Subscription:
    """Send next what follows on a position: a later one leaves events out, an earlier one sends them again. Raises
    BadWebhook."""
    last = last_position()
    if isinstance(position, bool) or not isinstance(position, int) or not 0 <= position <= last:
        raise BadWebhook(f"The position is a whole number from 0 to {last}, where the stream is.", "position")
    with transaction.atomic():
        before = _locked(row).position
        if position != before:
            Subscription.objects.filter(pk=row.pk).update(
                position=position, version=F("version") + 1, failing_since=None, failures=0)
            _say(row, "moved", {"before": {"position": before}, "after": {"position": position}})
    row.refresh_from_db()
    _try_now(row)
    return row


def remove(row: Subscription) -> None:
    """Delete it with its log."""
    _stop(row)
    with transaction.atomic():
        _say(row, "deleted", differences(row.audited(), {}))
        row.delete()


def send_again(delivery: Delivery) -> Task:
    """Send the event of a delivery once more, as a task. Raises BadWebhook when the event is no longer kept."""
    if not Event.objects.filter(pk=delivery.event).exists():
        raise BadWebhook("The event is no longer kept, so it cannot be sent again.")
    with transaction.atomic():
        _say(delivery.subscription, "replayed", {"event": str(delivery.event), "position": delivery.position})
        return enqueue(SendAgain, {"subscription": delivery.subscription_id, "event": str(delivery.event)},
                       subject=f"{ABOUT}replay:{delivery.subscription_id}:{delivery.event}")


def _move(row: Subscription, action: str, states: list[str], fields: dict[str, Any]) -> bool:
    with transaction.atomic():
        before = _locked(row).audited()
        moved = Subscription.objects.filter(pk=row.pk, state__in=states).update(version=F("version") + 1, **fields)
        row.refresh_from_db()
        if moved:
            _say(row, action, differences(before, row.audited()))
    return bool(moved)


def _try_now(row: Subscription) -> None:
    """Not only when a growing pause is over: `dispatch` begins anew in a second."""
    _stop(row)


def _stop(row: Subscription) -> None:
    for task in Task.objects.filter(subject=row.task_subject, state__in=sorted(ACTIVE)):
        with suppress(AlreadyEnded):
            cancel(task)


def _locked(row: Subscription) -> Subscription:
    try:
        return Subscription.objects.select_for_update().get(pk=row.pk)
    except Subscription.DoesNotExist:
        raise BadWebhook("The webhook was deleted meanwhile.") from None


def _say(row: Subscription, action: str, more: dict[str, Any]) -> None:
    record(f"webhook.{action}", {"webhook": row.pk, "name": row.name, **more})


def _name(text: str) -> str:
    text = " ".join(text.split())
    if not text or len(text) > 100 or not text.isprintable():
        raise BadWebhook("A webhook needs a name of at most 100 characters.", "name")
    return text


def _subject(text: str) -> str:
    text = text.strip()
    try:
        Pattern.read(text)
        return text if text == ">" or text.startswith("hub.") else Pattern.read(f"{own()}{text}").text
    except BadSubject as error:
        raise BadWebhook(str(error), "subject") from None


def _url(text: str) -> str:
    text = text.strip()
    try:
        check(text)
    except (TargetRefused, TargetFailed) as error:
        raise BadWebhook(str(error), "url") from None
    return text


def _secret(text: str) -> bytes:
    try:
        key_of(text)
    except ValueError as error:
        raise BadWebhook(str(error), "secret") from None
    return encrypt(text.encode())


@contextmanager
def _unique(name: str) -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise BadWebhook(f"There is a webhook named “{name}” already.", "name") from None
