"""Logs as the shell prints them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence

from projects.logs import MAX_TAIL, Entry, read_all, since_of
from projects.logs import search as search_in
from projects.models import Project
from projects.presentation.download import as_text

POLL = 0.2


def log_lines(project: Project, sources: Sequence[str], *, tail: int, since: str, search: str, run: int | None,
              follow: bool, as_json: bool, **_) -> Iterator[str]:
    """The lines to print; with `follow` it never ends. Of several sources each line has its time and its source."""
    several, moment = len(sources) > 1, since_of(since)
    part = read_all(project, sources, 1 if search else tail, run=run, since=moment)
    entries = part.entries
    if search:
        found = search_in(project, search, sources, part.run or None, moment)
        entries = found.entries[-tail:]
        if found.unread:
            yield f"[the search took too long: the newer part of {', '.join(found.unread)} was not looked at]"
    if as_json and not follow:
        service = {} if several else {"service": sources[0]}
        yield json.dumps({**service, "run": part.run, "lines": [entry.text for entry in entries],
                          "entries": [_shaped(entry) for entry in entries]}, indent=2, ensure_ascii=False)
        return
    while True:
        for entry in entries:
            yield json.dumps(_shaped(entry), ensure_ascii=False) if as_json else as_text(entry, several)
        if not follow:
            return
        time.sleep(POLL)
        part = read_all(project, sources, MAX_TAIL, part.cursor, part.run or None)
        if part.missed:
            yield f"[lines of {', '.join(part.missed)} were rotated away before they could be read]"
        entries = tuple(entry for entry in part.entries if search.casefold() in entry.text.casefold())


def _shaped(entry: Entry) -> dict:
    return {"source": entry.source, "text": entry.text, "at": entry.moment and entry.moment.at.isoformat(),
            "within": entry.moment and entry.moment.within}
