"""A report on its way to somebody: by mail with a file, or as JSON to a webhook."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from itertools import islice

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.utils import timezone

from alerts.channels import webhook
from alerts.channels.kind import TIMEOUT
from alerts.channels.mail import addresses
from alerts.errors import Undelivered
from alerts.models import Channel
from analytics.builder.definition import Definition
from analytics.builder.files import as_csv
from analytics.builder.models import SavedReport
from analytics.builder.running import rows

# So many rows are sent; a report with more is to be opened.
MOST_ROWS = 5000


def send(channel: Channel, saved: SavedReport, report: Definition, key: str) -> int:
    """Send it, and return how many rows went along. `key` is the same when it is tried again. Raises BadReport and
    Undelivered."""
    found = list(islice(rows(report, MOST_ROWS + 1), MOST_ROWS + 1))
    is_cut, found = len(found) > MOST_ROWS, found[:MOST_ROWS]
    KINDS[channel.kind](channel, saved, report, found, is_cut, key)
    return len(found)


def _by_mail(channel: Channel, saved: SavedReport, report: Definition, found: list, is_cut: bool, key: str) -> None:
    if not settings.EMAIL_HOST:
        raise Undelivered("This Hub has no mail server: set HUB_SMTP_HOST.")
    lines = [report.title, f"{len(found):,} rows{' (the first of more)' if is_cut else ''}, as the attached CSV.", "",
             f"{settings.HUB_URL}{saved.get_absolute_url()}"]
    mail = EmailMessage(
        f"[Hub] {saved.name}", "\n".join(lines), settings.DEFAULT_FROM_EMAIL, addresses(channel.config),
        headers={"Message-ID": f"<report-{key}@{settings.HUB_ID}.hub>"}, connection=get_connection(timeout=TIMEOUT),
    )  # fmt: skip
    mail.attach(f"{report.dataset.name}-{timezone.now():%Y-%m-%d}.csv", _as_csv(report, found),
                "text/csv")
    try:
        mail.send()
    except (OSError, smtplib.SMTPException) as error:
        raise Undelivered(f"The mail server did not take it: {error}"[:300]) from None


def _as_csv(report: Definition, found: list) -> bytes:
    columns = list(zip(*found, strict=True))
    return b"".join(as_csv(report, iter([columns] if columns else [])))


def _by_webhook(channel: Channel, saved: SavedReport, report: Definition, found: list, is_cut: bool, key: str) -> None:
    names = [one.name for one in report.heads]
    webhook.post(channel.config, {
        "report": saved.name, "title": report.title, "url": f"{settings.HUB_URL}{saved.get_absolute_url()}",
        "hub": settings.HUB_ID, "more": is_cut, "items": [dict(zip(names, row, strict=True)) for row in found],
    }, key)


KINDS: dict[str, Callable[..., None]] = {"mail": _by_mail, "webhook": _by_webhook}
