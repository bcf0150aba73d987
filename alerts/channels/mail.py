"""Mail, by the SMTP server of Hub's environment."""

from __future__ import annotations

import re
import smtplib
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.validators import validate_email

from alerts.channels.kind import TIMEOUT, Field
from alerts.errors import AlertError, Undelivered

MOST_ADDRESSES = 20


class Mail:
    key, title = "mail", "Mail"
    fields = (Field("to", "To", "addresses, with commas or lines between them", many_lines=True),)

    def check(self, config: dict[str, str]) -> None:
        """Addresses that are none, or too many, are refused; so is mail without a server."""
        if not settings.EMAIL_HOST:
            raise AlertError("This Hub has no mail server: set HUB_SMTP_HOST and start it again.", "to")
        found = addresses(config)
        if not 1 <= len(found) <= MOST_ADDRESSES:
            raise AlertError(f"Name 1 to {MOST_ADDRESSES} addresses.", "to")
        for one in found:
            try:
                validate_email(one)
            except ValidationError:
                raise AlertError(f"{one[:80]!r} is no address of mail.", "to") from None

    def send(self, config: dict[str, str], message: dict[str, Any], key: str) -> None:
        """One mail to all. The server names it by `key`, so that a mailbox can drop the second of two."""
        if not settings.EMAIL_HOST:
            raise Undelivered("This Hub has no mail server: set HUB_SMTP_HOST.")
        lines = [message["text"], "", *(f"{name}: {value}" for name, value in (
            ("Rule", message["condition"]), ("Since", message["fired_at"]), ("Resolved", message["resolved_at"]),
        ) if value), "", message["url"], "", f"Hub {message['hub']}"]
        mail = EmailMessage(
            _one_line(f"[Hub] {message['title']}"), "\n".join(lines), settings.DEFAULT_FROM_EMAIL, addresses(config),
            headers={"Message-ID": f"<{key}@{settings.HUB_ID}.hub>", "X-Hub-Delivery": key,
                     "Auto-Submitted": "auto-generated"},
            connection=get_connection(timeout=TIMEOUT),
        )  # fmt: skip
        try:
            mail.send()
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            raise Undelivered(f"The mail server refused an address: {code} {_said(said)}",
                              for_good=code >= 550) from None
        except smtplib.SMTPResponseException as error:
            raise Undelivered(f"The mail server said {error.smtp_code} {_said(error.smtp_error)}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise Undelivered(f"The mail server {settings.EMAIL_HOST} cannot be reached: {error}"[:300]) from None


def addresses(config: dict[str, str]) -> list[str]:
    """Whom a channel of mail writes to."""
    return [one for one in re.split(r"[,;\s]+", config.get("to", "")) if one]


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


def _said(answer: object) -> str:
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)
    return " ".join(text.split())[:200]
