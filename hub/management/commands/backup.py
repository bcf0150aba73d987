"""`manage.py backup`: makes backups of this Hub, lists them, and proves that they can be restored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from accounts.shell import shell_actor
from events.context import acting
from events.times import iso
from hub.backups import actions
from hub.backups.errors import BackupError
from hub.backups.keys import read_keys, write_keys
from hub.backups.restoring import restore_volumes

FAILED, BAD_INPUT = 1, 2


class Command(BaseCommand):
    """`manage.py backup create|list|verify|volumes|keys`. Exit code 0: done; 1: a backup is not what it should
    be; 2: it could not be done, and nothing was."""

    help = "Backs up the database, the definitions of projects and, by choice, the data of stacks."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="Make one, while Hub works.")
        self._folder(create)
        create.add_argument("--with-data", action="store_true", help="also what stacks keep in HUB_STACK_DATA here")
        create.add_argument("--volumes", action="store_true", help="also Docker's volumes of the projects here")
        create.add_argument("--keep", type=int, metavar="N", help="afterwards remove all but the newest N")
        create.add_argument("--keys", type=Path, metavar="FILE", help="write the keys of this Hub there as well")
        create.add_argument("--verify", action="store_true", help="restore it on trial, and compare")
        self._folder(verbs.add_parser("list", help="Those in a folder, newest first."))
        verify = verbs.add_parser("verify", help="Restore one into a database of its own, and compare.")
        verify.add_argument("file", type=Path)
        verify.add_argument("--keys", type=Path, metavar="FILE", help="the keys that belong to it (this Hub's)")
        volumes = verbs.add_parser("volumes", help="Put Docker's volumes of stopped projects back.")
        volumes.add_argument("file", type=Path)
        volumes.add_argument("--project", default="", metavar="SLUG", help="of this one alone")
        keys = verbs.add_parser("keys", help="Write the keys of this Hub to a new file, to be kept apart.")
        keys.add_argument("file", type=Path)
        for verb in verbs.choices.values():
            verb.add_argument("--json", action="store_true", help="JSON on standard output")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        with acting(actor=shell_actor(), via="command"):
            try:
                getattr(self, f"do_{verb}")(**options)
            except BackupError as error:
                raise CommandError(f"{error.message} {error.hint}".strip(), returncode=BAD_INPUT) from None
            except Error as error:
                raise CommandError(f"The database does not work: {str(error).strip()}.", returncode=BAD_INPUT) from None

    def do_create(self, *, to: Path, with_data: bool, volumes: bool, keep: int | None, keys: Path | None,
                  verify: bool, json: bool, **_: Any) -> None:
        if keep is not None and keep < 1:
            raise CommandError(f"--keep is {keep}: keep one at least.", returncode=BAD_INPUT)
        if keys is not None:
            write_keys(keys)
        made = actions.back_up(to, with_data=with_data, with_volumes=volumes)
        found = actions.verify(made.path) if verify else None
        gone = actions.prune(to, keep) if keep and not (found and found.wrong) else []
        self._say({"file": str(made.path), "size": made.size, "removed": [str(path) for path in gone],
                   "verified": None if found is None else not found.wrong, "wrong": found.wrong if found else [],
                   "ran": list(made.ran)},
                  f"{made.path}  {made.size:,} bytes{', verified' if found and not found.wrong else ''}", as_json=json)
        if found and found.wrong:
            raise CommandError(" ".join(found.wrong), returncode=FAILED)
        if made.ran and not json:
            self.stdout.write(f"The volumes of {', '.join(made.ran)} are as they were while it ran: what was written "
                              "just then may be half there. Stop a stack that cannot bear that.")
        if keys is None and not json:
            self.stdout.write("The keys are not in it: keep what `manage.py backup keys FILE` writes at another place.")

    def do_list(self, *, to: Path, json: bool, **_: Any) -> None:
        found = actions.backups_in(to)
        self._say([{"file": str(one.path), "size": one.size, "made_at": iso(one.made_at)} for one in found],
                  "\n".join(f"{one.made_at:%Y-%m-%d %H:%M} UTC  {one.size:>15,}  {one.path}" for one in found)
                  or f"There is no backup in {to}.", as_json=json)

    def do_verify(self, *, file: Path, keys: Path | None, json: bool, **_: Any) -> None:
        found = actions.verify(file, read_keys(keys)["encryption_key"] if keys else "")
        rows = sum(found.tables.values())
        self._say({"file": str(file), "verified": not found.wrong, "wrong": found.wrong, "tables": found.tables},
                  "" if found.wrong else f"{file}: {rows:,} rows in {len(found.tables)} tables, as they were saved.",
                  as_json=json)
        if found.wrong:
            raise CommandError(" ".join(found.wrong), returncode=FAILED)

    def do_volumes(self, *, file: Path, project: str, json: bool, **_: Any) -> None:
        done = restore_volumes(file, project)
        self._say({"file": str(file), "volumes": done}, f"{', '.join(done) or 'No volume'}: back.", as_json=json)

    def do_keys(self, *, file: Path, json: bool, **_: Any) -> None:
        path = write_keys(file)
        self._say({"file": str(path)}, f"{path}: whoever has it and a backup can read every secret of this Hub.",
                  as_json=json)

    def _folder(self, parser: CommandParser) -> None:
        parser.add_argument("--to", "--in", type=Path, dest="to", metavar="FOLDER", default=settings.HUB_BACKUP_DIR,
                            help=f"default: {settings.HUB_BACKUP_DIR}")

    def _say(self, content: Any, text: str, *, as_json: bool) -> None:
        if as_json or text:
            self.stdout.write(json.dumps(content, indent=2) if as_json else text)
