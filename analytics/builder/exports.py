"""Exports that tasks make: asked for, read, removed."""

from __future__ import annotations

import contextlib
import hashlib
from typing import BinaryIO

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import QueryDict
from django.utils import timezone

from analytics.builder import storing
from analytics.builder.definition import read
from analytics.builder.errors import NoFile
from analytics.builder.files import writer_of
from analytics.builder.making import MakeExport, keep
from analytics.builder.models import Export
from analytics.builder.running import check
from events.actions import record
from events.context import current
from tasks.actions import cancel, enqueue
from tasks.errors import AlreadyEnded
from tasks.models import Task


def begin(query: str, name: str) -> Export:
    """Have a task make the report of a query as a file of that format. The same, asked for again by the same person
    while it is being made, is the one there is. Raises BadReport."""
    report = read(QueryDict(query))
    writer_of(name)
    check(report)
    by, now = current(), timezone.now()
    wish = hashlib.sha256("\n".join([by.actor, str(by.payloads), name, report.query]).encode()).hexdigest()
    export = Export(query=report.query, format=name, title=report.title[:300], payloads=by.payloads, wish=wish,
                    node=settings.HUB_NODE, created_by=by.actor, created_at=now, expires_at=now + keep())
    try:
        with transaction.atomic():
            export.save(force_insert=True)
            record("report.export-begun", {"export": str(export.pk), "query": report.query, "format": name},
                   about=export.subject)
            # In the folder of that node it will lie, so a worker of that node makes it.
            enqueue(MakeExport, {"export": str(export.pk)}, subject=export.subject, node=export.node)
    except IntegrityError:
        return Export.objects.get(wish=wish)
    return export


def opened(export: Export) -> BinaryIO:
    """The file, for who may see what is in it: what who asked for it could see. Raises NoFile."""
    if export.payloads and not current().payloads:
        raise NoFile("It was made for somebody who may see parameters and logs; you may not.", 403)
    if export.expires_at <= timezone.now():
        raise NoFile("It has expired. Have it made again.", 404)
    if export.made_at is None:
        raise NoFile("It is not made yet, or could not be: look at its task.", 409)
    if export.node != settings.HUB_NODE:
        raise NoFile(f"It lies on the host {export.node}: open it on the pages of that host.", 409)
    try:
        file = open(storing.folder() / export.file_name, "rb")  # noqa: SIM115 - who asked for it reads and closes it
    except FileNotFoundError:
        raise NoFile("Its file is gone. Have it made again.", 404) from None
    record("report.export-read", {"export": str(export.pk), "title": export.title}, about=export.subject)
    return file


def remove(export: Export) -> None:
    """Delete an export and its file; what makes it is told to stop."""
    path = storing.folder() / export.file_name
    with transaction.atomic():
        for task in Task.objects.filter(subject=export.subject):
            with contextlib.suppress(AlreadyEnded):
                cancel(task)
        record("report.export-removed", {"export": str(export.pk), "title": export.title}, about=export.subject)
        export.delete()
        transaction.on_commit(lambda: path.unlink(missing_ok=True))
