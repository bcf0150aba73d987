"""Who acts by management commands."""

from __future__ import annotations

import getpass
import os

from django.conf import settings
from django.core.management.base import CommandError

from accounts.actions import find_key
from accounts.grants import Refused, admit
from accounts.permissions import Role, Scope


def shell_actor() -> str:
    """`command:<login name>`, as facts and keys name whoever typed a command."""
    try:
        return f"command:{getpass.getuser()}"
    except (KeyError, OSError):  # a uid without a name, as in some containers
        return f"command:uid {os.getuid()}"


def admit_command(needed: Role, scope: Scope | None = None, *, by_project: bool = False, payloads: bool = False
                  ) -> None:
    """Where HUB_COMMAND_KEY names a key, the command does what that key may and sees what it may see: as page and API
    (`accounts.access.require`). Raises CommandError. Without it whoever has this shell has the database as well."""
    if not settings.HUB_COMMAND_KEY:
        return
    key = find_key(settings.HUB_COMMAND_KEY)
    if key is None:
        raise CommandError("HUB_COMMAND_KEY is wrong, expired or revoked.")
    try:
        reach = admit(key, needed, scope, by_project=by_project)
        if payloads:
            reach.check_payloads()
    except Refused as refused:
        raise CommandError(refused.message) from None
