"""`manage.py restore`: a Hub made from a backup."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from accounts.shell import shell_actor
from events.context import acting
from hub.backups.errors import BackupError
from hub.backups.restoring import restore
from hub.launch.errors import LaunchError

BAD_INPUT = 2


class Command(BaseCommand):
    """`manage.py restore FILE`. Exit code 0: done; 2: it could not be done."""

    help = "Makes this Hub, which must not run, what a backup holds."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--keys", type=Path, metavar="FILE", help="the keys that belong to it")
        parser.add_argument("--with-data", action="store_true", help="also the data of stacks that are in it")
        parser.add_argument("--volumes", action="store_true", help="also Docker's volumes that are in it")
        parser.add_argument("--definitions", type=Path, metavar="FOLDER", help="write the definition files there")
        parser.add_argument("--replace", action="store_true", help="even where the database is in use")
        parser.add_argument("--json", action="store_true", help="JSON on standard output")

    def handle(self, *args: Any, file: Path, keys: Path | None, with_data: bool, volumes: bool,
               definitions: Path | None, replace: bool, json: bool, **options: Any) -> None:
        try:
            with acting(actor=shell_actor(), via="command"):
                done = restore(file, keys=keys, with_data=with_data, with_volumes=volumes, definitions=definitions,
                               replace=replace)
        except BackupError as error:
            raise CommandError(f"{error.message} {error.hint}".strip(), returncode=BAD_INPUT) from None
        except (Error, LaunchError) as error:
            raise CommandError(f"The database does not work: {str(error).strip()}.", returncode=BAD_INPUT) from None
        if json:
            self.stdout.write(json_format.dumps({
                "hub_id": done.manifest.hub_id, "node": done.manifest.node, "made_at": done.manifest.created_at,
                "version": done.manifest.version, "rows": done.rows, "data": done.data, "definitions": done.files,
                "volumes": done.volumes, "old_database": done.aside or None}, indent=2))
            return
        saved = done.manifest
        self.stdout.write(f"{done.rows:,} rows of Hub {saved.hub_id} are back, as of {saved.created_at}.")
        if done.data:
            self.stdout.write(f"Data of {', '.join(done.data)} are back.")
        if done.volumes:
            self.stdout.write(f"Volumes {', '.join(done.volumes)} are back.")
        if done.aside:
            self.stdout.write(f"The database that was here is {done.aside} now.")
        self.stdout.write("Start Hub. Stacks that should run are started again where their folders are.")
