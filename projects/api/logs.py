"""REST: what the services of a project said. The log of one service has the path that scripts already speak."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from projects.api.registry import find_project, named_in_path
from projects.api.shapes import LogOut
from projects.logs import (
    MAX_QUERY,
    MAX_TAIL,
    Entry,
    read_all,
    read_log,
    runs,
    search,
    since_of,
    sources_in,
    stream,
)
from projects.presentation.download import log_file

router = Router(tags=["Projects"])
SINCE = "such as 10m, 2h, or an ISO time: only what was written then or later"


class LogEntryOut(Schema):
    """A line. `at`: when it was written, or at most `within` seconds before; both null where nobody knows."""

    source: str
    text: str
    at: datetime | None
    within: float | None


class MergedOut(Schema):
    """`cursor` is where to read on; `missed` names the services of which lines are gone since then."""

    items: list[LogEntryOut]
    cursor: str
    run: int
    missed: list[str]


class FoundOut(Schema):
    """The newest hits; `hits` counts all of them, `lines` what was looked at. `unread`: services that were not read to
    their end when the time of the search was up."""

    items: list[LogEntryOut]
    hits: int
    lines: int
    unread: list[str]


class LogQuery(Schema):
    service: list[str] = Field([], description="only these services; default: all, by time")
    run: int | None = Field(None, ge=1, description="the number of an earlier run")
    since: str = Field("", max_length=40, description=SINCE)


@router.get("/{project_id}/logs", response=MergedOut, summary="Read all logs, by time")
def show_logs(
    request: HttpRequest,
    project_id: int,
    query: Query[LogQuery],
    tail: int = Query(200, ge=1, le=MAX_TAIL, description="how many of the last lines"),
    cursor: str = Query("", max_length=20_000, description="that of the answer before: only what came since"),
):
    part = read_all(find_project(project_id), query.service, tail, cursor, query.run, since_of(query.since))
    return {"items": _shaped(part.entries), "cursor": part.cursor, "run": part.run, "missed": list(part.missed)}


@router.get("/{project_id}/log-search", response=FoundOut, summary="Search all that is kept of the logs")
def search_logs(
    request: HttpRequest,
    project_id: int,
    query: Query[LogQuery],
    q: str = Query(..., min_length=1, max_length=MAX_QUERY, description="text as it is written; case does not matter"),
):
    """In bounded time: see `unread`."""
    found = search(find_project(project_id), q, query.service, query.run, since_of(query.since))
    return {"items": _shaped(found.entries), "hits": found.hits, "lines": found.lines, "unread": list(found.unread)}


@router.get("/{project_id}/log-file", summary="Download logs as text")
def download_logs(request: HttpRequest, project_id: int, query: Query[LogQuery]):
    """Sent while it is read. Of several services each line has its time and its service before it."""
    project = find_project(project_id)
    sources = query.service or sources_in(project)
    run = query.run or next(iter(runs(project)), None)
    entries = stream(project, sources, run, since_of(query.since))
    return log_file(f"{project.slug}-{run or 0}.log", entries, several=len(sources) > 1)


@router.get("/{project_id}/logs/{service}", response=LogOut, summary="Read a service's log")
def show_log(
    request: HttpRequest,
    project_id: int,
    service: str,
    tail: int = Query(200, ge=1, le=MAX_TAIL, description="how many of the last lines"),
    after: int | None = Query(None, ge=0, description="the offset of the answer before: only what came since"),
    run: int | None = Query(None, ge=1, description="the number of an earlier run"),
    since: str = Query("", max_length=40, description=SINCE),
):
    with named_in_path("service", "run"):
        chunk = read_log(find_project(project_id), service, tail=tail, after=after, run=run, since=since_of(since))
    moments = [moment and moment._asdict() for moment in chunk.moments]
    return {**asdict(chunk), "service": service, "moments": moments}


def _shaped(entries: tuple[Entry, ...]) -> list[dict]:
    return [
        {"source": entry.source, "text": entry.text, "at": entry.moment and entry.moment.at,
         "within": entry.moment and entry.moment.within}
        for entry in entries
    ]
