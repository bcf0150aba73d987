"""Signing in and out, people and keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group

from accounts.actions import make_key, make_sign_in_link
from accounts.tests.people import PASSWORD, person
from hub.tests.access.entries import ADMIN, Table, everybody, keys_alone, needless, of_admin, page, signed_in, site

TABLE: Table = {
    "sign-in/": {"GET": needless(), "POST": needless(422), "PUT": needless(422), "PATCH": needless(405),
                 "DELETE": needless(405)},
    "sign-in/<str:token>/": {"GET": everybody(), "POST": everybody(302)},
    "sign-in/forgotten/": {"GET": everybody(), "POST": everybody(409)},  # a Hub of tests sends no mail
    "sign-out/": {"POST": signed_in(302)},
    "theme": {"POST": signed_in(302, theme="dark")},
    "account/": {"GET": signed_in()},
    "account/password/": {"POST": signed_in(422, old=PASSWORD, new="x")},
    "account/sessions/end/": {"POST": signed_in(302)},
    "account/sessions/<str:key>/end/": {"POST": signed_in(404)},
    "people/": {"GET": page(ADMIN)},
    "people/invite/": {"POST": page(ADMIN, 422)},
    "people/<int:user_id>/": {"GET": page(ADMIN)},
    "people/<int:user_id>/role/": {"POST": page(ADMIN, 302, role="viewer")},
    "people/<int:user_id>/access/": {"POST": page(ADMIN, 302, payloads="on")},
    "people/<int:user_id>/grant/": {"POST": page(ADMIN, 422)},
    "people/<int:user_id>/switch/": {"POST": page(ADMIN, 302, on="1")},
    "people/<int:user_id>/sessions/end/": {"POST": page(ADMIN, 302)},
    "people/<int:user_id>/link/": {"POST": page(ADMIN)},
    "keys/": {"GET": page(ADMIN)},
    "keys/create/": {"POST": page(ADMIN, 422)},
    "keys/<str:public_id>/rotate/": {"POST": page(ADMIN)},
    "keys/<str:public_id>/revoke/": {"POST": page(ADMIN, 302)},
    "api/token": {"POST": keys_alone(201)},
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
    "sign-in/forgotten/": "(a key has no password)",
    "account/": "(a key has no password and no session)",
    "account/password/": "(a key has no password)",
    "account/sessions/end/": "(a key has no session)",
    "account/sessions/<str:key>/end/": "(a key has no session)",
    **{address: "(people let people in, no script does)" for address in TABLE if address.startswith("people/")},
    **{address: "(people make keys: one key cannot make another)" for address in TABLE if address.startswith("keys/")},
}


def world(folder: Path) -> dict[str, Any]:
    somebody = person("viewer", "mara")
    return {
        "<str:token>": make_sign_in_link(somebody).rstrip("/").rpartition("/")[2],
        "<int:user_id>": somebody.pk,
        "<str:key>": "0" * 64,
        "<str:public_id>": make_key("another script", "viewer")[0].public_id,
        "user/<id>": somebody.pk,
        "user/<path:object_id>": somebody.pk,
        "group/<path:object_id>": Group.objects.get(name="viewer").pk,
        "apikey/<path:object_id>": make_key("script", "viewer")[0].pk,
    }
