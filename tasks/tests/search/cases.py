"""What can be searched, and what each query has to find: run on every database that Hub runs on."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from events.statements import insertion, run
from tasks.models import Attempt, LogLine, Task
from tasks.search import documents

REQUEST = uuid.UUID("1b4e28ba-2fa1-41d2-883f-0016d3cca427")
NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)

TASKS = {
    "psycopg": {
        "title": "Start project", "job": "projects.start", "state": "failed", "attempt": 2, "lane": "stacks",
        "subject": "projects.project:7", "priority": 9, "correlation_id": REQUEST,
        "error": "api exited with code 1: ModuleNotFoundError: No module named ‘psycopg’",
        "created_at": datetime(2026, 11, 1, tzinfo=UTC), "wait": 31, "run": 400,
    },
    "copy": {
        "title": "Copy project", "job": "projects.copy",
        "params": {"branch": "feature/No-Module", "deep": [{"x": "y"}]},
        "created_at": datetime(2026, 11, 7, 23, 59, 59, 999999, UTC), "wait": 30, "run": 299.5, "attempt": 1,
        "actor": "key:nightly",
    },
    "sleep": {
        "title": "Sleep for 5 s", "job": "demo.sleep", "state": "queued", "priority": 1,
        "params": {"token": "hunter2", "note": "Straße ÄRGER x_y"},
        "created_at": datetime(2026, 11, 8, tzinfo=UTC),
    },
    "log": {
        "title": "Back up", "job": "backup", "state": "cancelled", "attempt": 1, "priority": 8,
        "steps": [{"key": "a", "label": "Dump tables"}], "log": ["ERROR: could not build wheels", "named module"],
        "worker": "studio-7.1", "created_at": NOON, "wait": 0.5, "run": 86400,
    },
    "html": {
        "title": "<b>bold</b> & 'quoted' \"twice\"", "job": "gone.job", "error": "100% of it; DROP TABLE -- x",
        "created_at": NOON, "state": "running", "attempt": 1, "started": True,
    },
}  # fmt: skip

FINDS = {
    "": "html log sleep copy psycopg",
    "psycopg": "psycopg",
    "PSYCOPG": "psycopg",
    "project": "copy psycopg",
    "psyc*": "psycopg",
    "psyc": "",
    "module named": "log psycopg",
    '"no module named"': "psycopg",
    '"named module"': "log",
    '"module named"': "psycopg",
    '"no module"': "copy psycopg",
    '"copy project feature"': "",
    "no-module": "copy psycopg",
    "project -copy": "psycopg",
    "-project": "html log sleep",
    "-project -sleep": "html log",
    "-(project OR sleep)": "html log",
    "-project OR copy": "html log sleep copy",
    "copy OR sleep": "sleep copy",
    "project (psycopg OR feature)": "copy psycopg",
    "project AND -(psycopg OR nothing)": "copy",
    "--project": "copy psycopg",
    "straße": "sleep",
    "STRASSE": "sleep",
    "ärger": "sleep",
    "hunter2": "",
    "x_y": "sleep copy",
    "dump": "log",
    '"build wheels"': "log",
    "100": "html",
    "bold quoted twice": "html",
    "name:project": "copy psycopg",
    "name:proj*": "copy psycopg",
    'name:"copy project"': "copy",
    "name:psycopg": "",
    "name:demo.sleep": "sleep",
    "-name:project": "html log sleep",
    "state:failed": "psycopg",
    "state:failed,running": "html psycopg",
    "-state:failed": "html log sleep copy",
    "lane:stacks": "psycopg",
    "priority:>=8": "log psycopg",
    "priority:<2": "sleep",
    "priority:1": "sleep",
    "priority:8..9": "log psycopg",
    "priority:>=5 priority:<8": "html copy",
    "worker:studio-7.1": "log",
    "worker:studio*": "log",
    "worker:studio": "",
    "project:7": "psycopg",
    "project:nowhere": "",
    "actor:key:nightly": "copy",
    "actor:key:*": "copy",
    "actor:KEY:*": "",
    "actor:kez*": "",
    "worker:Studio*": "",
    "subject:projects.*": "psycopg",
    "subject:PROJECTS.*": "",
    f"correlation:{REQUEST}": "psycopg",
    "job:demo.sleep": "sleep",
    "job:projects.*": "copy psycopg",
    "job:Projects.*": "",
    "-job:projects.*": "html log sleep",
    "job:projects.* OR attempt:0": "sleep copy psycopg",
    "attempt:>1": "psycopg",
    "attempt:1": "html log copy",
    "attempt:>1 OR worker:studio-7.1": "log psycopg",
    "attempt:1 state:cancelled,running": "html log",
    "lane:default -priority:1 state:succeeded": "copy",
    "run:>5m OR wait:<1s": "html log psycopg",
    "wait:>30s": "psycopg",
    "wait:>=30s": "copy psycopg",
    "wait:<1s": "log",
    "-wait:>30s": "html log sleep copy",
    "run:>5m": "html log psycopg",
    "run:<=300s": "copy",
    "run:1d..": "html log",
    "created:2026-11-01..2026-11-07": "html log copy psycopg",
    "created:2026-11-07": "copy",
    "created:..2026-11-01": "psycopg",
    "created:>2026-11-07": "sleep",
    "created:<2026-11-05T12:00": "psycopg",
    "created:2026-11-05T12:00": "html log",
    "created:2026-11-05T13:00+01:00": "html log",
    "created:1s": "",
    "state:failed OR sleep": "sleep psycopg",
    "(state:failed OR sleep) -psycopg": "sleep",
    "-(state:failed OR sleep)": "html log copy",
    "project state:failed": "psycopg",
    "project -state:failed": "copy",
    "module created:2026-11-05": "log",
}


def make() -> dict[str, Task]:
    """Write the tasks, in this order, with their documents; by name."""
    made = {}
    for name, given in TASKS.items():
        fields = {"actor": "mara", "state": "succeeded", **given}
        log, worker = fields.pop("log", []), fields.pop("worker", "")
        wait, length, began = fields.pop("wait", None), fields.pop("run", None), fields.pop("started", False)
        if began or wait is not None:
            fields["started_at"] = fields["created_at"] + timedelta(seconds=wait or 2)
        if length is not None:
            fields["finished_at"] = fields["started_at"] + timedelta(seconds=length)
        task = made[name] = Task(**fields)
        run(insertion(task), documents.note(task))
        for text in log:
            LogLine.objects.create(task=task, text=text, attempt=1)
        if worker:
            Attempt.objects.create(task=task, number=1, worker=worker, host="h", pid=1, pid_started=1,
                                   correlation_id=task.correlation_id)
        for statement in documents.note_end(task):
            run(statement)
    return made
