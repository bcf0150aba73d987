"""What every page knows: the context of `base.html`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Count, Value
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.grants import visible
from accounts.models import Role
from accounts.roles import at_least, role_of
from accounts.views import THEME_COOKIE, THEMES
from alerts.presentation import banner
from projects.models import Project
from tasks.models import Task
from tasks.states import ACTIVE


def shell(request: HttpRequest) -> dict[str, Any]:
    """`hub_version`, `hub_id`, `theme` (system, light, dark), `role` and what it allows (`may_operate`, `may_admin`),
    `nav`, the counts of projects and active tasks, and `firing`, the alerts of the banner: one query each, and only
    where a template reads them."""
    theme = request.COOKIES.get(THEME_COOKIE)
    role = role_of(request.user) if hasattr(request, "user") else None
    return {
        "hub_version": settings.VERSION,
        "hub_id": settings.HUB_ID,
        "theme": theme if theme in THEMES else "system",
        "role": role,
        "may_operate": at_least(role, Role.OPERATOR),
        "may_admin": at_least(role, Role.ADMIN),
        "nav": SimpleLazyObject(_counts),
        # An alert is about the whole Hub: those who may see some projects only are not told.
        "firing": SimpleLazyObject(banner) if role and visible(request.user) is None else None,
    }


def _counts() -> dict[str, int]:
    def number(kind: str, rows: Any) -> Any:
        return rows.order_by().annotate(kind=Value(kind)).values("kind").annotate(number=Count("pk"))

    rows = number("projects", Project.objects).union(number("tasks", Task.objects.filter(state__in=ACTIVE)), all=True)
    return {"projects": 0, "tasks": 0} | {row["kind"]: row["number"] for row in rows}
