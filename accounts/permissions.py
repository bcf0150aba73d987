"""The roles, the scopes of keys, and what of every app's permissions each role is given. No models here: the app's
configuration needs it."""

from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import models
from django.db.models import Q


class Role(models.TextChoices):
    """What somebody may do; each may do all that those before it may."""

    VIEWER = "viewer", "Viewer"
    OPERATOR = "operator", "Operator"
    ADMIN = "admin", "Admin"


class Scope(models.TextChoices):
    """What a key may do: `operate` includes `read`, `admin` includes all; `publish` is for events alone."""

    READ = "read", "Read"
    OPERATE = "operate", "Operate"
    PUBLISH = "publish", "Publish events"
    ADMIN = "admin", "Admin"


# The scopes of a key that may do what a role may.
SCOPES_OF = {
    Role.VIEWER: (Scope.READ,),
    Role.OPERATOR: (Scope.READ, Scope.OPERATE, Scope.PUBLISH),
    Role.ADMIN: (Scope.READ, Scope.OPERATE, Scope.PUBLISH, Scope.ADMIN),
}
_ROLE_OF = {Scope.READ: Role.VIEWER, Scope.OPERATE: Role.OPERATOR, Scope.ADMIN: Role.ADMIN}
_RANK = {role.value: rank for rank, role in enumerate(Role, start=1)}


def at_least(role: str | None, needed: str) -> bool:
    """Whether somebody of `role` may do what `needed` may."""
    return role is not None and _RANK.get(role, 0) >= _RANK[needed]


def role_of_scopes(scopes: Iterable[str]) -> Role | None:
    """The highest role that these scopes stand for; None for those that are for events alone."""
    held = [_ROLE_OF[scope] for scope in _ROLE_OF if scope in scopes]
    return max(held, key=lambda role: _RANK[role.value], default=None)


# By the names of permissions, so that a new app gets its share without being named here.
_SHARE = {
    Role.VIEWER: Q(codename__startswith="view_"),
    Role.OPERATOR: Q(codename__startswith="view_") | Q(codename__startswith="operate_"),
    Role.ADMIN: Q(),
}

# Apps whose permissions no role is given: superusers have them anyway.
_WITHHELD = {"django_rq", "sessions"}


def grant_permissions(app_config: AppConfig, using: str, apps: Any = installed_apps, **options: Any) -> None:
    """After migrations: make a group for each role, and give it its share of this app's permissions.

    Not a data migration: permissions exist only after migrations, new models add to them, and transactional tests
    empty every table. Django sends this signal in all three cases, and makes its own permissions the same way.
    """
    try:
        group_model, permission_model = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    except LookupError:  # migrated to before the auth app
        return
    if app_config.label in _WITHHELD:
        withheld = permission_model.objects.using(using).filter(content_type__app_label=app_config.label)
        for group in group_model.objects.using(using).filter(name__in=Role.values):
            group.permissions.remove(*withheld)
        return
    create_permissions(app_config, using=using, apps=apps, verbosity=0)
    for role, share in _SHARE.items():
        group, _ = group_model.objects.using(using).get_or_create(name=role.value)
        mine = permission_model.objects.using(using).filter(share, content_type__app_label=app_config.label)
        group.permissions.add(*mine)
