"""Who asks: strangers, people of each role, and keys of each."""

from __future__ import annotations

from dataclasses import dataclass

from django.test import Client

from accounts.actions import make_key
from accounts.models import Role
from accounts.tests.people import person


@dataclass(frozen=True, slots=True)
class Audience:
    """Somebody who asks; a person with a session, else a key, else a stranger. `role` empty: without one."""

    name: str
    role: str = ""
    is_person: bool = False
    is_stranger: bool = False


STRANGER = Audience("a stranger", is_stranger=True)
GUEST = Audience("a person without a role", is_person=True)
PEOPLE = {role: Audience(f"a person who is {role}", role, is_person=True) for role in Role.values}
KEYS = {role: Audience(f"a key that is {role}", role) for role in Role.values}
EVERYBODY = [STRANGER, GUEST, *PEOPLE.values(), *KEYS.values()]


class Clients:
    """The client of each audience. Each request comes from a browser that knows no more than its session."""

    def __init__(self) -> None:
        self._cookies, self._headers = {}, {}
        for one in EVERYBODY:
            if one.is_person:
                client = Client()
                client.force_login(person(one.role, one.name))
                self._cookies[one] = client.cookies
            elif not one.is_stranger:
                self._headers[one] = {"Authorization": f"Bearer {make_key(one.name, one.role)[1]}"}

    def __getitem__(self, audience: Audience) -> Client:
        client = Client(headers=self._headers.get(audience), raise_request_exception=False)
        for name, morsel in self._cookies.get(audience, {}).items():
            client.cookies[name] = morsel.value
        return client
