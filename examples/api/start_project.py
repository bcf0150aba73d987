#!/usr/bin/env python3
"""Start a project of Hub, wait with progress until it runs, and read what its services said.

    HUB_KEY=hub_... python3 start_project.py Shop [--url http://127.0.0.1:9000] [--path /srv/shop] [--lines 20]

A project that there is not is registered first, from the folder that --path names. Needs nothing but Python 3.11.
Exits with 0 when the start has succeeded, 1 when it failed, 2 when Hub refused.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from typing import Any


class Refused(Exception):
    """Hub said no; `error` is what it said: code, message, perhaps field and hint, correlation_id."""

    def __init__(self, status: int, error: dict[str, Any]):
        super().__init__(f"{status}: {error['message']} {error.get('hint', '')}".strip())
        self.status, self.error = status, error


class Hub:
    """A Hub, by its REST interface."""

    def __init__(self, url: str, key: str):
        self.url, self.key = url.rstrip("/"), key

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The JSON that a request is answered. A limit is waited for; everything else that is refused is Refused."""
        sent = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **{
            name.replace("_", "-"): value for name, value in headers.items()}}
        data = None if body is None else json.dumps(body).encode()
        while True:
            request = urllib.request.Request(self.url + path, data, sent, method=method)
            try:
                with urllib.request.urlopen(request, timeout=90) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code == 429:
                    time.sleep(int(error.headers.get("Retry-After", "1")))
                    continue
                raise Refused(error.code, json.load(error)["error"]) from None

    def projects(self) -> list[dict[str, Any]]:
        """All projects, part by part."""
        found, cursor = [], ""
        while cursor is not None:
            part = self.ask("GET", f"/api/projects?limit=200&cursor={urllib.parse.quote(cursor)}")
            found += part["items"]
            cursor = part["next_cursor"]
        return found

    def add(self, name: str, path: str) -> dict[str, Any]:
        """Register a folder. Sent again with the same key, such a request would not be done twice."""
        return self.ask("POST", "/api/projects", {"name": name, "path": path}, Idempotency_Key=str(uuid.uuid4()))

    def start(self, project: int) -> str:
        """Begin a start; the id of its task."""
        return self.ask("POST", f"/api/orchestration/{project}/start", Idempotency_Key=str(uuid.uuid4()))["task_id"]

    def follow(self, task: str) -> dict[str, Any]:
        """Print the steps of a task until it has ended; the task. Hub answers when it has ended, or after a second."""
        said = ""
        while True:
            now = self.ask("GET", f"/api/tasks/{task}", Prefer="wait=1")
            progress = "" if now["progress"] is None else f"{now['progress']:3.0f} % "
            if now["step"] and f"{progress}{now['step']}" != said:
                said = f"{progress}{now['step']}"
                print(f"  {said}", flush=True)
            if now["state"] in ("succeeded", "failed", "cancelled"):
                return now

    def log(self, project: int, lines: int) -> list[str]:
        """The last lines of all services, by time."""
        found = self.ask("GET", f"/api/projects/{project}/logs?tail={lines}")
        return [f"{line['source']}: {line['text']}" for line in found["items"]]


def main() -> int:
    arguments = argparse.ArgumentParser(description="Start a project of Hub, wait for it, and read its logs.")
    arguments.add_argument("name", help="the name of the project")
    arguments.add_argument("--path", help="the folder to register it from, when there is no project of that name")
    arguments.add_argument("--url", default=os.environ.get("HUB_URL", "http://127.0.0.1:9000"))
    arguments.add_argument("--lines", type=int, default=20, help="how many of the last lines of its logs to print")
    given = arguments.parse_args()
    key = os.environ.get("HUB_KEY")
    if not key:
        print("Set HUB_KEY to a key: bin/manage apikey create script --role operator", file=sys.stderr)
        return 2
    hub = Hub(given.url, key)
    try:
        project = next((one for one in hub.projects() if one["name"] == given.name), None)
        if project is None:
            if not given.path:
                print(f"There is no project named {given.name}: register it with --path.", file=sys.stderr)
                return 2
            project = hub.add(given.name, given.path)
        print(f"Starting {project['name']} ...", flush=True)
        task = hub.follow(hub.start(project["id"]))
        for port in hub.ask("GET", f"/api/projects/{project['id']}")["ports"]:
            print(f"{port['service']}: {port['url'] or port['port']}")
        for line in hub.log(project["id"], given.lines):
            print(line)
    except Refused as refused:
        print(f"Hub refused. {refused}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"Hub does not answer at {given.url}: {error}", file=sys.stderr)
        return 2
    if task["state"] != "succeeded":
        print(f"{project['name']} did not start: {task['error']}", file=sys.stderr)
        return 1
    print(f"{project['name']} runs.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
