"""`manage.py project`: everything that the pages do with projects, for the shell."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

from accounts.permissions import Role
from accounts.shell import admit_command, shell_actor
from events.context import acting
from projects import actions, adoption
from projects.autostart import autostart
from projects.environment import load
from projects.errors import ProjectError
from projects.logs import sources_in
from projects.management.log_lines import log_lines
from projects.models import Project
from projects.observation import project_dict, status_of
from projects.remains import remains_of
from projects.stacks import dotenv
from projects.stacks.spec import StackError
from tasks import queue
from tasks.models import Task
from tasks.nodes.registry import waits_for

POLL = 0.2
READING = ("list", "status", "logs", "revisions")
# About more than one project, or one that is not there yet.
WHOLE = ("add", "adopt", "copy", "autostart")


class Command(BaseCommand):
    help = "List, add, adopt, copy, start, stop, restart, build and delete projects, and read their state and logs."

    def add_arguments(self, parser):
        commands = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

        def command(name: str, text: str, *, project: bool = True, wait: bool = False):
            sub = commands.add_parser(name, help=text, description=text)
            if project:
                sub.add_argument("project", help="its name, slug or id")
            if wait:
                sub.add_argument("--wait", action="store_true",
                                 help="until the task has ended; exit code 1 if it failed")
            sub.add_argument("--json", action="store_true", help="print JSON")
            return sub

        command("list", "Every project, with its state and ports.", project=False)
        add = command("add", "Register a folder.", project=False)
        add.add_argument("path")
        add.add_argument("--name", default="", help="default: the folder's name, made free")
        add.add_argument("--engine", default="", choices=Project.Engine.values)
        add.add_argument("--port", action="append", default=[], metavar="SERVICE=PORT")
        add.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
        add.add_argument("--autostart", action="store_true")
        add.add_argument("--node", default="", help="the node that the folder is on (this one)")
        adopt = command("adopt", "List what runs without being a project, or make one of it a project as it runs.",
                        project=False)
        adopt.add_argument("running", nargs="?", default="", metavar="NAME", help="as the list shows it")
        adopt.add_argument("--name", default="", help="of the project; default: the same")
        copy = command("copy", "A second project beside the first, with ports of its own.")
        copy.add_argument("name", help="the name of the copy")
        copy.add_argument("--path", help="another folder")
        copy.add_argument("--branch", help="a new git work tree of this branch")
        copy.add_argument("--with-data", action="store_true")
        command("autostart", "Start what is marked to start with Hub, as bin/up does; for hosts that run without it.",
                project=False)
        for name, text in (("start", "Start every service."), ("stop", "Stop every service, and prove it.")):
            command(name, text, wait=True)
        command("restart", "Restart the stack, or one service.", wait=True).add_argument("--service", default="")
        rollback = command("rollback", "Stop it, and start a kept revision.", wait=True)
        rollback.add_argument("--revision", type=int, help="default: the newest good one before what was started last")
        command("revisions", "What each start ran, the newest first.")
        command("build", "Build the images that Dagger builds, and start nothing.", wait=True)
        command("status", "What was last seen of it.")
        logs = command("logs", "The last lines of a service, or of all of them by time.")
        logs.add_argument("service", nargs="?", default="", help="default: all, by time")
        logs.add_argument("--tail", type=int, default=200)
        logs.add_argument("--since", default="", help="such as 10m, 2h, or an ISO time")
        logs.add_argument("--search", default="", metavar="TEXT", help="only lines that hold it, in all that is kept")
        logs.add_argument("--run", type=int)
        logs.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
        delete = command("delete", "Stop it and remove what Hub made for it; the folder stays.", wait=True)
        delete.add_argument("--data", choices=["keep", "remove"], default="keep")
        delete.add_argument("--confirm", default="", metavar="NAME", help="its name, to remove data")
        delete.add_argument("--preview", action="store_true", help="only list what would go")

    def handle(self, *args, action: str, **options):
        # What the queue has to say is said below, in words for whoever typed the command.
        logging.getLogger("tasks.queue").setLevel(logging.ERROR)
        with acting(actor=shell_actor(), via="command"):
            admit_command(Role.VIEWER if action in READING else Role.OPERATOR, by_project=action not in WHOLE,
                          payloads=action == "logs")
            try:
                getattr(self, f"do_{action}")(**options)
            except actions.SubjectBusy as error:
                raise CommandError(f"{error.task.title} is under way ({error.task.pk}).", returncode=3) from None
            except (ProjectError, StackError) as error:
                raise CommandError(f"{error.message} {error.hint}".strip(), returncode=2) from None

    # One method an action

    def do_list(self, *, json: bool, **_: Any) -> None:
        projects = Project.objects.prefetch_related("services", "leases")
        rows = [project_dict(project) for project in projects]
        if json:
            return self.print_json(rows)
        width = max((len(row["name"]) for row in rows), default=0)
        for row in rows:
            ports = " ".join(f"{port['service']}:{port['port']}" for port in row["ports"])
            self.stdout.write(f"{row['id']:>4}  {row['name']:<{width}}  {row['status']:<9} {ports}  "
                              + (row["path"] if row["node"] == settings.HUB_NODE else f"{row['node']}:{row['path']}"))
        return None

    def do_add(self, *, path: str, name: str, engine: str, port: list[str], env: list[str], autostart: bool,
               node: str, json: bool, **_: Any) -> None:
        ports = {}
        for text in port:
            service, _, number = text.rpartition("=")
            if not service or not number.isdecimal():
                raise CommandError(f"--port {text}: use SERVICE=PORT, such as web=8010.", returncode=2)
            ports[service] = int(number)
        if node in ("", settings.HUB_NODE):
            path = str(Path(path).expanduser().absolute())
        seen = actions.preview(path, engine, node)
        project = actions.create_project(name=name or seen.name or "project", path=path, engine=engine, ports=ports,
                                         env=dotenv.parse("\n".join(env)).values, autostart=autostart, node=node)
        self.print_project(project, json)

    def do_adopt(self, *, running: str, name: str, json: bool, **_: Any) -> None:
        if running:
            return self.print_project(adoption.adopt(running, name=name), json)
        seen = adoption.survey()
        rows = [{"adopt": one.key, "name": one.name, "state": "running" if one.runs else "stopped",
                 "origin": one.origin, "engine": one.engine, "path": one.path, "services": one.services,
                 "ports": one.ports,
                 "error": one.error and f"{one.error.message} {one.error.hint}".strip(), "warnings": one.warnings}
                for one in seen.found]
        if seen.unreadable is not None:
            self.stderr.write(f"{seen.unreadable.message} {seen.unreadable.hint}".strip())
        if json:
            return self.print_json(rows)
        for row in rows:
            ports = " ".join(f":{port}" for port in row["ports"])
            self.stdout.write(f"{row['adopt']}  {', '.join(row['services'])}  {ports or row['state']}  {row['path']}")
            for text in filter(None, [row["error"], *row["warnings"]]):
                self.stdout.write(f"  {text}")
        return None

    def do_copy(self, *, project: str, name: str, path: str | None, branch: str | None, with_data: bool, json: bool,
                **_: Any) -> None:
        copy = actions.copy_project(_find(project), name=name, path=path, branch=branch, with_data=with_data)
        self.print_project(copy, json)

    def do_autostart(self, *, json: bool, **_: Any) -> None:
        lines = autostart()
        if json:
            return self.print_json(lines)
        for line in lines:
            self.stdout.write(line)
        return None

    def do_start(self, *, project: str, **options: Any) -> None:
        self.follow(actions.start(_find(project)), **options)

    def do_stop(self, *, project: str, **options: Any) -> None:
        self.follow(actions.stop(_find(project)), **options)

    def do_restart(self, *, project: str, service: str, **options: Any) -> None:
        found = _find(project)
        self.follow(actions.restart_service(found, service) if service else actions.restart(found), **options)

    def do_rollback(self, *, project: str, revision: int | None, **options: Any) -> None:
        self.follow(actions.roll_back(_find(project), revision), **options)

    def do_revisions(self, *, project: str, json: bool, **_: Any) -> None:
        fields = ("number", "created_at", "started_ok", "error", "restored", "because", "task_id", "images")
        rows = list(_find(project).revisions.values(*fields))
        if json:
            return self.print_json(rows)
        for row in rows:
            outcome = {True: "good", False: "failed", None: "?"}[row["started_ok"]]
            again = f"again {row['restored']}" if row["restored"] else ""
            self.stdout.write(f"{row['number']:>4}  {row['created_at']:%Y-%m-%d %H:%M:%S}  {outcome:<6} {again:<10} "
                              f"{row['because'] or row['error']}".rstrip())
        return None

    def do_build(self, *, project: str, **options: Any) -> None:
        self.follow(actions.build(_find(project)), **options)

    def do_status(self, *, project: str, json: bool, **_: Any) -> None:
        found = _find(project)
        status = status_of(found)
        if json:
            return self.print_json({"id": found.pk, "name": found.name, **status})
        self.stdout.write(f"{found.name}: {status['status']}  {status['reason']}".rstrip())
        for service in status["services"]:
            where = f":{service['port']}" if service["port"] else ""
            self.stdout.write(f"  {service['name']:<16} {service['state']:<10} {where:<6} {service['reason']}".rstrip())
        return None

    def do_logs(self, *, project: str, service: str, json: bool, **options: Any) -> None:
        found = _find(project)
        sources = sources_in(found, service)
        for line in log_lines(found, sources, as_json=json, **options):
            self.stdout.write(line)

    def do_delete(self, *, project: str, data: str, confirm: str, preview: bool, **options: Any) -> None:
        found = _find(project)
        if not preview:
            return self.follow(actions.delete(found, data=data, confirm=confirm), **options)
        rows = [{"kind": remain.kind, "name": remain.name, "size": remain.size, "is_data": remain.is_data,
                 "detail": remain.detail} for remain in remains_of(found)]
        if options["json"]:
            return self.print_json(rows)
        for row in rows:
            size = "" if row["size"] is None else f"  {row['size']} bytes"
            keeps = "  (kept unless --data remove)" if row["is_data"] else ""
            self.stdout.write(f"{row['kind']:<8} {row['name']}{size}{keeps}  {row['detail']}".rstrip())
        return None

    # Output

    def follow(self, task: Task, *, wait: bool, json: bool, **_: Any) -> None:
        """Say which task does it; with `--wait` what it does, until it has ended. Ctrl-C leaves the task running."""
        if not queue.ping():
            self.stderr.write("Hub does not run: the task waits until it does (bin/up).")
            if wait:
                raise CommandError(f"{task.title} is queued: {task.pk}", returncode=4)
        elif task.node != settings.HUB_NODE and (why := waits_for(task.node)):
            self.stderr.write(why)
        said = ""
        try:
            while wait and task.is_active:
                line = _step(task)
                if line and line != said and not json:
                    self.stdout.write(line)
                    said = line
                time.sleep(POLL)
                task.refresh_from_db()
        except KeyboardInterrupt:
            sys.exit(f"The task goes on: {task.pk}")
        if json:
            self.print_json({"task_id": task.pk, "state": task.state, "title": task.title, "error": task.error,
                             "result": task.result})
        else:
            self.stdout.write(f"{task.title}: {task.state} ({task.pk})")
        if wait and task.state != "succeeded":
            raise CommandError("\n".join(filter(None, [task.error, task.detail])) or f"It was {task.state}.")

    def print_project(self, project: Project, as_json: bool) -> None:
        row = project_dict(project)
        if as_json:
            return self.print_json(row)
        ports = ", ".join(f"{port['service']} on {port['url'] or port['port']}" for port in row["ports"]) or "no ports"
        variables = f", {len(load(project))} variables" if project.environment else ""
        self.stdout.write(f"{project.name} is project {project.pk}: {ports}{variables}")
        return None

    def print_json(self, value: Any) -> None:
        self.stdout.write(json.dumps(value, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False))


def _step(task: Task) -> str:
    """`step 2 of 5: db answers`, empty before the first step."""
    if not task.steps_total:
        return ""
    return f"step {min(task.steps_done + 1, task.steps_total)} of {task.steps_total}: {task.step}"


def _find(text: str) -> Project:
    """By name first (people type names), then slug, then id."""
    for query in ({"name": text}, {"slug": text}, {"pk": text}):
        if "pk" in query and not text.isdecimal():
            continue
        project = Project.objects.filter(**query).first()
        if project is not None:
            return project
    raise CommandError(f"There is no project {text!r}; see `manage.py project list`.", returncode=2)

