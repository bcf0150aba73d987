"""Who asks: strangers, people of each role, and keys of each."""

from __future__ import annotations

from dataclasses import dataclass

from django.test import Client

from accounts.actions import make_key
from accounts.models import Access, Grant
from accounts.permissions import Role, Scope
from accounts.tests.people import person
from projects.models import Project


@dataclass(frozen=True, slots=True)
class Audience:
    """Somebody who asks; a person with a session, else a key, else a stranger. `role`: whose work they may do, empty
    for nobody's; `scope`: of a key; `limited`: they see one project, which is not the one that is asked about."""

    name: str
    role: str = ""
    scope: str = ""
    is_person: bool = False
    is_stranger: bool = False
    limited: bool = False


STRANGER = Audience("a stranger", is_stranger=True)
GUEST = Audience("a person without a role", is_person=True)
PEOPLE = {role: Audience(f"a person who is {role}", role, is_person=True) for role in Role.values}
ROLES = {Scope.READ: Role.VIEWER, Scope.OPERATE: Role.OPERATOR, Scope.ADMIN: Role.ADMIN}
KEYS = {scope: Audience(f"a key to {scope}", ROLES.get(Scope(scope), ""), scope) for scope in Scope.values}
OTHER_PERSON = Audience("an operator of another project", Role.OPERATOR, is_person=True, limited=True)
OTHER_KEY = Audience("a key of another project", Role.OPERATOR, Scope.OPERATE, limited=True)
EVERYBODY = [STRANGER, GUEST, *PEOPLE.values(), OTHER_PERSON, *KEYS.values(), OTHER_KEY]


class Clients:
    """The client of each audience. Each request comes from a browser that knows no more than its session."""

    def __init__(self) -> None:
        self._cookies, self._headers = {}, {}
        other = Project.objects.create(name="Other", slug="other", path="/other", created_by="test").pk
        for one in EVERYBODY:
            if one.is_person:
                client, user = Client(), person(Role.VIEWER if one.limited else one.role, one.name)
                if one.limited:
                    Access.objects.create(user=user, limited=True)
                    Grant.objects.create(user=user, project=other, role=one.role)
                client.force_login(user)
                self._cookies[one] = client.cookies
            elif not one.is_stranger:
                _, plain = make_key(one.name, scopes=[one.scope], projects=[other] if one.limited else None)
                self._headers[one] = {"Authorization": f"Bearer {plain}"}

    def __getitem__(self, audience: Audience) -> Client:
        client = Client(headers=self._headers.get(audience), raise_request_exception=False)
        for name, morsel in self._cookies.get(audience, {}).items():
            client.cookies[name] = morsel.value
        return client
