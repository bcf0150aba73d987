"""REST: the folders that projects may be in, and nothing outside of them; for those who may register projects."""

from __future__ import annotations

from dataclasses import asdict

from django.conf import settings
from django.http import HttpRequest
from ninja import Router

from accounts.api_auth import allow
from accounts.models import Role
from projects.api.shapes import FolderOut
from projects.stacks.folders import browse

router = Router(tags=["Filesystem"], auth=allow(Role.OPERATOR))


@router.get("/home", response=FolderOut, summary="List the folder that all projects are in")
def show_home(request: HttpRequest):
    return asdict(browse(settings.HUB_PROJECTS_ROOT))


@router.get("/browse", response=FolderOut, summary="List a folder")
def browse_folder(request: HttpRequest, path: str = ""):
    """Only folders inside the root: 403 outside of it, 404 when there is none."""
    return asdict(browse(settings.HUB_PROJECTS_ROOT, path))
