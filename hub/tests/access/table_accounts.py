"""Signing in and out, people and keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group

from accounts.actions import make_key, make_sign_in_link
from accounts.tests.people import person
from hub.tests.access.entries import Table, everybody, needless, of_admin, signed_in, site

TABLE: Table = {
    "sign-in/": {"GET": needless(), "POST": needless(422), "PUT": needless(422), "PATCH": needless(405),
                 "DELETE": needless(405)},
    "sign-in/<str:token>/": {"GET": everybody(), "POST": everybody(302)},
    "sign-out/": {"POST": signed_in(302)},
    "theme": {"POST": signed_in(302, theme="dark")},
    **of_admin("auth/user"),
    "admin/auth/user/<id>/password/": {"GET": site()},
    **of_admin("auth/group"),
    **of_admin("accounts/apikey", add=403, delete=403),
}

SAME = {
    "sign-in/": "(a key needs no session)",
    "sign-in/<str:token>/": "(a key needs no session)",
    "sign-out/": "(a key needs no session)",
    "theme": "(the look of one browser)",
}


def world(folder: Path) -> dict[str, Any]:
    somebody = person("viewer", "mara")
    return {
        "<str:token>": make_sign_in_link(somebody).rstrip("/").rpartition("/")[2],
        "user/<id>": somebody.pk,
        "user/<path:object_id>": somebody.pk,
        "group/<path:object_id>": Group.objects.get(name="viewer").pk,
        "apikey/<path:object_id>": make_key("script", "viewer")[0].pk,
    }
