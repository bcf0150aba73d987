"""What the API's document says of projects: examples, and the refusals of single operations."""

from __future__ import annotations

from events.api_reference import Entry, part
from tasks.api_reference import TASK_ID

AT = "2026-11-22T15:00:00.000000Z"
PORT = {"service": "web", "container_port": 8000, "port": 8010, "protocol": "tcp", "url": "http://127.0.0.1:8010"}
ITEM = {
    "id": 7, "name": "Shop", "slug": "shop", "path": "/srv/shop", "engine": "process", "status": "running",
    "health": "healthy", "desired": "running", "observed_at": AT, "reason": "", "node": "main", "ports": [PORT],
    "autostart": False, "return_to_good": False, "created_at": AT,
}  # fmt: skip
PROJECT = {**ITEM, "env": {"COLOUR": "red", "TOKEN": "••••"}}
ACCEPTED = {"task_id": TASK_ID, "status": "queued", "message": "Start Shop: Queued."}
SERVICE = {
    "name": "web", "kind": "service", "state": "running", "health": "healthy", "reason": "", "last_lines": [],
    "port": 8010, "ports": [{"container": 8000, "protocol": "tcp", "host": 8010, "url": "http://127.0.0.1:8010"}],
    "pid": 4711, "container_id": None, "restarts": 0, "exit_code": None, "signal": None, "started_at": AT,
    "depends_on": [], "cpu": 0.02, "memory": 31457280, "instances": [],
}  # fmt: skip
STATUS = {"status": "running", "health": "healthy", "observed_at": AT, "reason": "", "services": [SERVICE],
          "running_count": 1, "total_count": 1}
LINE = {"source": "web", "text": "Listening on 8010", "at": AT, "within": 0.5}
ADOPTABLE = {"adopt": "compose:shop", "name": "shop", "state": "running", "origin": "docker compose",
             "engine": "compose", "path": "/srv/shop", "services": ["web"], "ports": [8080], "error": None,
             "hint": None, "warnings": []}
USED = {"cpu": [0.02], "memory": [31457280], "network_in": [None], "network_out": [None], "disk_read": [0.0],
        "disk_written": [512.0]}
VARIABLES = part({"name": "COLOUR", "value": "red", "secret": False, "origin": "project"},
                 {"name": "TOKEN", "value": "••••", "secret": True, "origin": "project"})
FOLDER = {"path": "/srv", "parent": None, "kind": "", "truncated": False,
          "entries": [{"name": "shop", "path": "/srv/shop", "kind": "process", "unreadable": False}]}

BUSY = {409: "Another task is active on the project."}
AWAY = {409: "What runs the project does not answer, or its log cannot be read."}

REFERENCE = {
    "list_adoptable": Entry(part(ADOPTABLE), errors={409: "Docker does not answer."}),
    "adopt": Entry(PROJECT, {"adopt": "compose:shop"}, errors={
        403: "It is in a folder that is not for projects.", 404: "There is nothing of that name to adopt.",
        409: "It cannot be adopted as it is now, or Docker does not answer."}),
    "preview_project": Entry({
        "path": "/srv/shop", "name": "shop", "node": "", "engine": "process", "error": None, "warnings": [],
        "engines": [{"engine": "process", "source": "/srv/shop/Procfile", "error": None}], "services": ["web"],
        "ports": [{"service": "web", "container_port": 8000, "port": 8010}]}, query={"path": "/srv/shop"}),
    "list_projects": Entry(part(ITEM)),
    "create_project": Entry(PROJECT, {"name": "Shop", "path": "/srv/shop", "ports": {"web": 8010}}, errors={
        403: "The folder is outside of those for projects.", 404: "There is no such folder.",
        409: "The name or a port is taken."}),
    "show_stats": Entry({"total": 3, "by_status": {"running": 2, "stopped": 1}, "by_engine": {"process": 3},
                         "services": {"total": 5, "running": 4}, "ports": 4}),
    "show_project": Entry(PROJECT),
    "change_project": Entry(PROJECT, {"name": "Shop", "autostart": True}, errors={
        403: "The folder is outside of those for projects.",
        409: "The name or a port is taken, or the ports cannot be changed while it runs."}),
    "delete_project": Entry({**ACCEPTED, "message": "Delete Shop: Queued."}, query={"data": "keep"}, errors=BUSY),
    "show_remains": Entry(part({"kind": "folder", "name": "/var/lib/hub/stacks/shop/data", "size": 4096,
                                "is_data": True, "detail": "Data of its services"}), errors=AWAY),
    "copy_project": Entry({**PROJECT, "id": 8, "name": "Shop of Mara", "slug": "shop-of-mara"},
                          {"name": "Shop of Mara", "branch": "mara"}, errors={
        403: "The folder is outside of those for projects.",
        409: "The name is taken, or data can only be copied while it is stopped."}),
    "list_revisions": Entry(part({"number": 3, "created_at": AT, "started_ok": True, "error": "", "restored": None,
                                  "because": "", "task_id": TASK_ID, "images": {}})),
    "compare_revision": Entry(part({"kind": "variable", "name": "COLOUR", "before": "blue", "after": "red",
                                    "secret": False}), query={"to": 3}, errors={
        403: "The folder is outside of those for projects.", 409: "What it is compared with cannot be read now."}),
    "show_usage": Entry({"times": [AT], "services": {"web": USED}}),
    "list_variables": Entry(VARIABLES),
    "change_variables": Entry(VARIABLES, {"set": {"COLOUR": "red"}, "remove": ["SIZE"]}, errors={
        403: "The folder is outside of those for projects.", 409: "Its ports cannot be changed now."}),
    "show_variable": Entry({"name": "TOKEN", "value": "k3h2"}, {"name": "TOKEN"}),
    "release_port": Entry({**PORT, "port": 8011, "url": "http://127.0.0.1:8011"}, errors={
        409: "The project is not at rest, or no other port is free."}),
    "show_logs": Entry({"items": [LINE], "cursor": "eyJ3ZWIiOjE4fQ", "run": 3, "missed": []}, query={"tail": 100},
                       errors=AWAY),
    "search_logs": Entry({"items": [LINE], "hits": 1, "lines": 2048, "unread": []}, query={"q": "listening"},
                         errors=AWAY),
    "download_logs": Entry(query={"service": "web"}, errors=AWAY),
    "show_log": Entry({"service": "web", "run": 3, "lines": ["Listening on 8010"], "offset": 18, "missed": False,
                       "moments": [{"at": AT, "within": 0.5}]}, query={"tail": 100}, errors=AWAY),
    "start": Entry(ACCEPTED, errors=BUSY),
    "stop": Entry({**ACCEPTED, "message": "Stop Shop: Queued."}, errors=BUSY),
    "restart": Entry({**ACCEPTED, "message": "Restart Shop: Queued."}, errors=BUSY),
    "restart_service": Entry({**ACCEPTED, "message": "Restart web of Shop: Queued."}, errors={
        409: "Another task is active on the project, or it does not run."}),
    "roll_back": Entry({**ACCEPTED, "message": "Roll Shop back: Queued."}, {"revision": 2}, errors={
        409: "Another task is active on the project, or there is no good revision to go back to."}),
    "build": Entry({**ACCEPTED, "message": "Build Shop: Queued."}, errors={
        409: "Another task is active on the project, or Dagger does not build it."}),
    "show_project_status": Entry(STATUS),
    "show_home": Entry(FOLDER, errors={404: "The folder is gone."}),
    "browse_folder": Entry(FOLDER, query={"path": "/srv"}, errors={
        403: "It is outside of the folder that all projects are in, or may not be read.",
        404: "There is no such folder."}),
}
