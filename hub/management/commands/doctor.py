"""`manage.py doctor`: looks at everything that an operator would."""

from __future__ import annotations

import json as json_format
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from hub.doctor.examination import examine

MARKS = {"ok": "ok  ", "warning": "WARN", "failure": "FAIL"}


class Command(BaseCommand):
    """`manage.py doctor`. Exit code 0: nothing fails; 1: something does."""

    help = "Looks at versions, permissions, clocks, disk, database, Redis, workers, drift and backups; says what to do."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="JSON on standard output")

    def handle(self, *args: Any, json: bool, **options: Any) -> None:
        found = list(examine())
        if json:
            self.stdout.write(json_format.dumps([asdict(one) for one in found], indent=2))
        else:
            width = max(len(one.name) for one in found)
            for one in found:
                self.stdout.write(f"{MARKS[one.level]}  {one.name:<{width}}  {one.said}")
                if one.todo:
                    self.stdout.write(f"      {'':<{width}}  → {one.todo}")
        if any(one.level == "failure" for one in found):
            raise SystemExit(1)
