"""Two addresses of the admin site that Django's own views do not answer as Hub wants."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.contrib.contenttypes.views import shortcut
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect


def sign_in(request: HttpRequest) -> HttpResponse:
    """There is one door to Hub, with one limit of tries: no second form for those who are signed in already."""
    if admin.site.has_permission(request):
        return redirect("admin:index")
    raise PermissionDenied("The admin site is for the role admin. Ask an admin of this Hub.")


@admin.site.admin_view
def on_site(request: HttpRequest, content_type_id: str, object_id: str) -> HttpResponse:
    """Leads to the page of a row of a model that the admin site shows; 404 for all else, also for what is no id."""
    try:
        model = get_object_or_404(ContentType, pk=content_type_id).model_class()
        if model is not None and admin.site.is_registered(model):
            return shortcut(request, content_type_id, object_id)
    except (ValidationError, ValueError):
        raise Http404("There is no such row.") from None
    raise Http404("There is no such kind of row.")
