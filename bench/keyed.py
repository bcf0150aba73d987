"""The bare view of one row behind the door of the API."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from accounts.api_auth import allow
from accounts.models import Role
from bench.views import one_row

api = NinjaAPI(urls_namespace="bench", docs_url=None, openapi_url=None, auth=allow(Role.VIEWER, by_project=True))


@api.get("/row/{int:project_id}/")
def keyed_row(request: HttpRequest, project_id: int) -> HttpResponse:
    """The same row as the bare view."""
    return one_row(request, project_id)
