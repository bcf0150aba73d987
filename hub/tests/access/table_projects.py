"""Projects: pages, API and admin site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hub.tests.access.entries import ONE, OPERATOR, SEEN, VIEWER, Table, api, of_admin, page
from hub.tests.access.rows import a_project

PROJECT = "projects/<int:pk>"
API = "api/projects/<project_id>"
RUN = "api/orchestration/<project_id>"

TABLE: Table = {
    "projects/": {"GET": page(VIEWER, of=SEEN)},
    "projects/cards/": {"GET": page(VIEWER, of=SEEN)},
    "projects/new/": {"GET": page(OPERATOR), "POST": page(OPERATOR, 422)},
    "projects/new/browse/": {"GET": page(OPERATOR)},
    "projects/new/preview/": {"GET": page(OPERATOR)},
    "projects/adopt/": {"GET": page(OPERATOR), "POST": page(OPERATOR, 422)},
    "projects/adopt/found/": {"GET": page(OPERATOR)},
    f"{PROJECT}/": {"GET": page(VIEWER, of=ONE)},
    f"{PROJECT}/live/": {"GET": page(VIEWER, of=ONE)},
    f"{PROJECT}/head/": {"GET": page(VIEWER, of=ONE)},
    f"{PROJECT}/card/": {"GET": page(VIEWER, of=ONE)},
    f"{PROJECT}/start/": {"POST": page(OPERATOR, 302, of=ONE)},
    f"{PROJECT}/stop/": {"POST": page(OPERATOR, 302, of=ONE)},
    f"{PROJECT}/restart/": {"POST": page(OPERATOR, 302, of=ONE)},
    f"{PROJECT}/restart/<str:service>/": {"POST": page(OPERATOR, 409, of=ONE)},
    f"{PROJECT}/build/": {"POST": page(OPERATOR, 409, of=ONE)},
    f"{PROJECT}/cancel/": {"POST": page(OPERATOR, 302, of=ONE)},
    f"{PROJECT}/ports/<int:lease>/": {"POST": page(OPERATOR, 302, of=ONE)},
    f"{PROJECT}/logs/": {"GET": page(VIEWER, of=ONE)},
    f"{PROJECT}/logs/lines/": {"GET": page(VIEWER, 204, of=ONE)},
    f"{PROJECT}/logs/file/": {"GET": page(VIEWER, of=ONE)},
    f"{PROJECT}/environment/": {"GET": page(VIEWER, of=ONE), "POST": page(OPERATOR, 302, of=ONE)},
    f"{PROJECT}/environment/show/": {"POST": page(OPERATOR, of=ONE, name="TOKEN")},
    f"{PROJECT}/usage/": {"GET": page(VIEWER, of=ONE)},
    f"{PROJECT}/usage/charts/": {"GET": page(VIEWER, of=ONE)},
    f"{PROJECT}/revisions/": {"GET": page(VIEWER, of=ONE)},
    f"{PROJECT}/roll-back/": {"POST": page(OPERATOR, 422, of=ONE, revision="1")},
    f"{PROJECT}/copy/": {"GET": page(OPERATOR), "POST": page(OPERATOR, 422)},
    f"{PROJECT}/delete/": {"GET": page(OPERATOR, of=ONE), "POST": page(OPERATOR, 302, of=ONE, data="keep")},
    f"{PROJECT}/settings/": {"GET": page(OPERATOR, of=ONE), "POST": page(OPERATOR, 422, of=ONE)},
    "api/projects": {"GET": api(VIEWER, of=SEEN), "POST": api(OPERATOR, 422)},
    "api/projects/adoptable": {"GET": api(OPERATOR, 409), "POST": api(OPERATOR, 422)},  # Docker is away
    "api/projects/stats": {"GET": api(VIEWER, of=SEEN)},
    "api/projects/preview": {"GET": api(OPERATOR, 422)},
    API: {"GET": api(VIEWER, of=ONE), "PATCH": api(OPERATOR, of=ONE, name="Renamed"),
          "DELETE": api(OPERATOR, 202, of=ONE)},
    f"{API}/remains": {"GET": api(VIEWER, of=ONE)},
    f"{API}/copy": {"POST": api(OPERATOR, 201, name="Copy")},
    f"{API}/revisions": {"GET": api(VIEWER, of=ONE)},
    f"{API}/revisions/<number>/differences": {"GET": api(VIEWER, 404, of=ONE)},
    f"{API}/usage": {"GET": api(VIEWER, of=ONE)},
    f"{API}/environment": {"GET": api(VIEWER, of=ONE), "PATCH": api(OPERATOR, of=ONE, set={"COLOUR": "red"})},
    f"{API}/environment/show": {"POST": api(OPERATOR, of=ONE, name="TOKEN")},
    f"{API}/ports/<port>/release": {"POST": api(OPERATOR, of=ONE)},
    f"{API}/logs": {"GET": api(VIEWER, of=ONE)},
    f"{API}/log-search": {"GET": api(VIEWER, of=ONE, q="x")},
    f"{API}/log-file": {"GET": api(VIEWER, of=ONE)},
    f"{API}/logs/<service>": {"GET": api(VIEWER, of=ONE)},
    f"{RUN}/start": {"POST": api(OPERATOR, 202, of=ONE)},
    f"{RUN}/stop": {"POST": api(OPERATOR, 202, of=ONE)},
    f"{RUN}/restart": {"POST": api(OPERATOR, 202, of=ONE)},
    f"{RUN}/restart/<service>": {"POST": api(OPERATOR, 409, of=ONE)},
    f"{RUN}/rollback": {"POST": api(OPERATOR, 404, of=ONE, revision=1)},
    f"{RUN}/build": {"POST": api(OPERATOR, 409, of=ONE)},
    f"{RUN}/status": {"GET": api(VIEWER, of=ONE)},
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
    f"{PROJECT}/": "show_project",
    f"{PROJECT}/live/": "show_project_status",
    f"{PROJECT}/head/": "show_project_status",
    f"{PROJECT}/card/": "show_project_status",
    f"{PROJECT}/start/": "start",
    f"{PROJECT}/stop/": "stop",
    f"{PROJECT}/restart/": "restart",
    f"{PROJECT}/restart/<str:service>/": "restart_service",
    f"{PROJECT}/build/": "build",
    f"{PROJECT}/cancel/": "cancel_task",
    f"{PROJECT}/ports/<int:lease>/": "release_port",
    f"{PROJECT}/logs/": "show_logs, search_logs",
    f"{PROJECT}/logs/lines/": "show_logs",
    f"{PROJECT}/logs/file/": "download_logs",
    f"{PROJECT}/environment/": "list_variables, change_variables",
    f"{PROJECT}/environment/show/": "show_variable",
    f"{PROJECT}/usage/": "show_usage",
    f"{PROJECT}/usage/charts/": "show_usage",
    f"{PROJECT}/revisions/": "list_revisions, compare_revision",
    f"{PROJECT}/roll-back/": "roll_back",
    f"{PROJECT}/copy/": "copy_project",
    f"{PROJECT}/delete/": "show_remains, delete_project",
    f"{PROJECT}/settings/": "change_project",
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
