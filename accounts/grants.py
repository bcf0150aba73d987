"""What an actor may do, and on which projects: the one place that knows, for people and keys, for pages and
the API.

A role holds everywhere. A person may be limited to granted projects, a key to a list of them; then nothing that is not
about one of these projects is open to them, except where a view says that it keeps to what they may see. People who are
not limited may be granted more on one project than their role allows elsewhere. Admins are never limited.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.conf import settings

from accounts.models import ApiKey, Grant
from accounts.permissions import Role, Scope, at_least
from accounts.roles import role_of
from accounts.signals import admitted

WHOLE = "This is about the whole Hub; you may only see some of its projects."


class Refused(Exception):
    """Somebody may not do this; `message` is for them."""

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Reach:
    """How far somebody comes: `name` as facts call them; `role` everywhere, or nowhere but on granted projects when
    `limited`; `grants`: the role by project; `payloads`: parameters, environments, logs. `scopes`: those of a key."""

    name: str
    role: Role | None
    limited: bool = False
    grants: Mapping[int, str] = field(default_factory=dict)
    payloads: bool = True
    scopes: frozenset[str] | None = None

    @property
    def visible(self) -> frozenset[int] | None:
        """The projects that exist for them; None for all, also where they have no role: then no door is open, but for
        what Django's own permissions let them into."""
        return frozenset(self.grants) if self.limited or (self.grants and not self.role) else None

    def may(self, needed: Role, project: int | None = None) -> bool:
        """Whether they may do what that role may, on this project or without one everywhere."""
        if project is not None and project in self.grants and at_least(self.grants[project], needed):
            return True
        return not self.limited and at_least(self.role, needed)

    def check_payloads(self) -> None:
        """Raises Refused for somebody who may not see parameters, environments and logs."""
        if not self.payloads:
            raise Refused("You may not see parameters, environments and logs.")

    def projects_for(self, needed: Role, scope: Scope | None = None, by_project: bool = False,
                     project: int | None = None) -> frozenset[int] | None:
        """On which projects they may do what that role may (None: all). `scope`: what a key needs instead of the role;
        `by_project`: it is about projects, and keeps to these; `project`: it is about that one. Raises Refused."""
        if scope is not None and self.scopes is not None:
            if not self.scopes & {scope.value, Scope.ADMIN.value}:
                raise Refused(f"This needs the scope {scope.value}; yours: {', '.join(sorted(self.scopes)) or 'none'}.")
            if not self.limited or by_project:
                return self.visible
            raise Refused(WHOLE)
        able = self._able(needed)
        if able is None:
            return None
        if not by_project:
            raise Refused(WHOLE if self.limited and at_least(self.role, needed) else self._lacks(needed))
        seen = self.visible
        if not able and (needed != Role.VIEWER or not self.limited):
            raise Refused(self._lacks(needed))
        if project is not None and project not in able and (seen is None or project in seen):
            raise Refused(self._lacks(needed))
        return able

    def _able(self, needed: Role) -> frozenset[int] | None:
        if not self.limited and at_least(self.role, needed):
            return None
        return frozenset(project for project, role in self.grants.items() if at_least(role, needed))

    def _lacks(self, needed: Role) -> str:
        return f"This needs the role {needed.value}; yours is {self.role.value if self.role else 'none'}."


def reach_of(actor: Any) -> Reach:
    """How far a key or a user comes. Costs no query for a key, nor for the user of a request."""
    if isinstance(actor, ApiKey):
        role = actor.role
        granted = dict.fromkeys(actor.projects or (), role) if role else {}
        return Reach(f"key:{actor.name}", role, actor.projects is not None, granted, actor.payloads,
                     frozenset(actor.scopes))
    role = role_of(actor)
    if not actor.is_authenticated or not actor.is_active:
        return Reach("anonymous", None)
    limited, payloads, granted = getattr(actor, "access_row", None) or _access_row(actor)
    if role == Role.ADMIN:
        return Reach(actor.get_username(), role)
    return Reach(actor.get_username(), role, limited, granted, payloads)


def visible(actor: Any) -> frozenset[int] | None:
    """The projects that exist for a key or a user; None for all."""
    return reach_of(actor).visible


def admit(actor: Any, needed: Role, scope: Scope | None = None, *, by_project: bool = False,
          project: int | None = None) -> Reach:
    """Let somebody in to what this role may do, or raise Refused. From then on, until the request ends, nothing of
    other projects is found (`accounts.signals.admitted` tells those who keep to it)."""
    reach = reach_of(actor)
    projects = reach.projects_for(needed, scope, by_project, project)
    admitted.send(Reach, reach=reach, projects=projects)
    return reach


def projects_by_number() -> dict[int, str]:
    """All projects that may be granted, by number their names, in the order of these."""
    rows = apps.get_model(settings.HUB_GRANTED_MODEL)._base_manager.order_by("name")
    return dict(rows.values_list("pk", "name"))


def tell_who(actor: Any) -> None:
    """The request at hand is of this actor, who is let in to nothing by that."""
    reach = reach_of(actor)
    admitted.send(Reach, reach=reach, projects=reach.visible)


def _access_row(user: Any) -> tuple[bool, bool, dict[int, str]]:
    access = getattr(user, "access", None)
    granted = dict(Grant.objects.filter(user=user).values_list("project", "role"))
    return (access.limited, access.payloads, granted) if access else (False, True, granted)
