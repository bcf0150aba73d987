"""Projects: pages, API and admin site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hub.tests.access.entries import OPERATOR, VIEWER, Table, api, of_admin, page
from hub.tests.access.rows import a_project

ONE = "projects/<int:pk>"
API = "api/projects/<project_id>"
RUN = "api/orchestration/<project_id>"

TABLE: Table = {
    "projects/": {"GET": page(VIEWER)},
    "projects/cards/": {"GET": page(VIEWER)},
    "projects/new/": {"GET": page(OPERATOR), "POST": page(OPERATOR, 422)},
    "projects/new/browse/": {"GET": page(OPERATOR)},
    "projects/new/preview/": {"GET": page(OPERATOR)},
    "projects/adopt/": {"GET": page(OPERATOR), "POST": page(OPERATOR, 422)},
    "projects/adopt/found/": {"GET": page(OPERATOR)},
    f"{ONE}/": {"GET": page(VIEWER)},
    f"{ONE}/live/": {"GET": page(VIEWER)},
    f"{ONE}/head/": {"GET": page(VIEWER)},
    f"{ONE}/card/": {"GET": page(VIEWER)},
    f"{ONE}/start/": {"POST": page(OPERATOR, 302)},
    f"{ONE}/stop/": {"POST": page(OPERATOR, 302)},
    f"{ONE}/restart/": {"POST": page(OPERATOR, 302)},
    f"{ONE}/restart/<str:service>/": {"POST": page(OPERATOR, 409)},
    f"{ONE}/build/": {"POST": page(OPERATOR, 409)},
    f"{ONE}/cancel/": {"POST": page(OPERATOR, 302)},
    f"{ONE}/ports/<int:lease>/": {"POST": page(OPERATOR, 302)},
    f"{ONE}/logs/": {"GET": page(VIEWER)},
    f"{ONE}/logs/lines/": {"GET": page(VIEWER, 204)},
    f"{ONE}/logs/file/": {"GET": page(VIEWER)},
    f"{ONE}/environment/": {"GET": page(VIEWER), "POST": page(OPERATOR, 302)},
    f"{ONE}/environment/show/": {"POST": page(OPERATOR, name="TOKEN")},
    f"{ONE}/usage/": {"GET": page(VIEWER)},
    f"{ONE}/usage/charts/": {"GET": page(VIEWER)},
    f"{ONE}/revisions/": {"GET": page(VIEWER)},
    f"{ONE}/roll-back/": {"POST": page(OPERATOR, 422, revision="1")},
    f"{ONE}/copy/": {"GET": page(OPERATOR), "POST": page(OPERATOR, 422)},
    f"{ONE}/delete/": {"GET": page(OPERATOR), "POST": page(OPERATOR, 302, data="keep")},
    f"{ONE}/settings/": {"GET": page(OPERATOR), "POST": page(OPERATOR, 422)},
    "api/projects": {"GET": api(VIEWER), "POST": api(OPERATOR, 422)},
    "api/projects/adoptable": {"GET": api(OPERATOR, 409), "POST": api(OPERATOR, 422)},  # Docker is away
    "api/projects/stats": {"GET": api(VIEWER)},
    "api/projects/preview": {"GET": api(OPERATOR, 422)},
    API: {"GET": api(VIEWER), "PATCH": api(OPERATOR, name="Renamed"), "DELETE": api(OPERATOR, 202)},
    f"{API}/remains": {"GET": api(VIEWER)},
    f"{API}/copy": {"POST": api(OPERATOR, 201, name="Copy")},
    f"{API}/revisions": {"GET": api(VIEWER)},
    f"{API}/revisions/<number>/differences": {"GET": api(VIEWER, 404)},
    f"{API}/usage": {"GET": api(VIEWER)},
    f"{API}/environment": {"GET": api(VIEWER), "PATCH": api(OPERATOR, set={"COLOUR": "red"})},
    f"{API}/environment/show": {"POST": api(OPERATOR, name="TOKEN")},
    f"{API}/ports/<port>/release": {"POST": api(OPERATOR)},
    f"{API}/logs": {"GET": api(VIEWER)},
    f"{API}/log-search": {"GET": api(VIEWER, 422)},
    f"{API}/log-file": {"GET": api(VIEWER)},
    f"{API}/logs/<service>": {"GET": api(VIEWER)},
    f"{RUN}/start": {"POST": api(OPERATOR, 202)},
    f"{RUN}/stop": {"POST": api(OPERATOR, 202)},
    f"{RUN}/restart": {"POST": api(OPERATOR, 202)},
    f"{RUN}/restart/<service>": {"POST": api(OPERATOR, 409)},
    f"{RUN}/rollback": {"POST": api(OPERATOR, 404, revision=1)},
    f"{RUN}/build": {"POST": api(OPERATOR, 409)},
    f"{RUN}/status": {"GET": api(VIEWER)},
    "api/filesystem/home": {"GET": api(OPERATOR)},
    "api/filesystem/browse": {"GET": api(OPERATOR)},
    **of_admin("projects/project", add=403, delete=403),
}

SAME = {
    "projects/": "list_projects",
    "projects/cards/": "list_projects",
    "projects/new/": "create_project",
    "projects/new/browse/": "browse_folder",
    "projects/new/preview/": "preview_project",
    "projects/adopt/": "adopt",
    "projects/adopt/found/": "list_adoptable",
    f"{ONE}/": "show_project",
    f"{ONE}/live/": "show_project_status",
    f"{ONE}/head/": "show_project_status",
    f"{ONE}/card/": "show_project_status",
    f"{ONE}/start/": "start",
    f"{ONE}/stop/": "stop",
    f"{ONE}/restart/": "restart",
    f"{ONE}/restart/<str:service>/": "restart_service",
    f"{ONE}/build/": "build",
    f"{ONE}/cancel/": "cancel_task",
    f"{ONE}/ports/<int:lease>/": "release_port",
    f"{ONE}/logs/": "show_logs, search_logs",
    f"{ONE}/logs/lines/": "show_logs",
    f"{ONE}/logs/file/": "download_logs",
    f"{ONE}/environment/": "list_variables, change_variables",
    f"{ONE}/environment/show/": "show_variable",
    f"{ONE}/usage/": "show_usage",
    f"{ONE}/usage/charts/": "show_usage",
    f"{ONE}/revisions/": "list_revisions, compare_revision",
    f"{ONE}/roll-back/": "roll_back",
    f"{ONE}/copy/": "copy_project",
    f"{ONE}/delete/": "show_remains, delete_project",
    f"{ONE}/settings/": "change_project",
}


def world(folder: Path) -> dict[str, Any]:
    project = a_project(folder)
    lease = project.leases.get()
    return {
        "<port>": lease.host_port,
        "projects/<int:pk>": project.pk,
        "<project_id>": project.pk,
        "<int:lease>": lease.pk,
        "<str:service>": "web",
        "<service>": "web",
        "<number>": 1,
        "<path:object_id>": project.pk,
    }
