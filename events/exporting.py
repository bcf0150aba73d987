"""Events as a file: CSV for a spreadsheet, JSON for programs; written as it is read, however long it is."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from events.finding import Wanted, find
from events.keyset import MAX_LIMIT
from events.models import Event
from events.shapes import event_dict

COLUMNS = ("timestamp", "subject", "actor", "address", "origin", "about", "correlation_id", "id", "position",
           "before", "after", "payload")
# What a spreadsheet would take for the begin of a formula, the wide forms of East Asia among it.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def as_csv(wanted: Wanted, most: int) -> Iterator[str]:
    """A head, then one line for each event, newest first; `most` at most. No cell begins a formula."""
    for_line = io.StringIO()
    writer = csv.writer(for_line)
    writer.writerow(COLUMNS)
    for event in _events(wanted, most):
        row = _row(event)
        writer.writerow([safe_cell(row[name]) for name in COLUMNS])
        if for_line.tell() > 1 << 15:
            yield for_line.getvalue()
            for_line.seek(0)
            for_line.truncate()
    yield for_line.getvalue()


def as_json(wanted: Wanted, most: int) -> Iterator[str]:
    """One array, an event a line."""
    first = True
    for event in _events(wanted, most):
        row = _row(event)
        row["payload"] = event.payload
        yield ("[\n" if first else ",\n") + json.dumps(row, ensure_ascii=False)
        first = False
    yield "[]\n" if first else "\n]\n"


def _events(wanted: Wanted, most: int) -> Iterator[Event]:
    cursor: str | None = ""
    while cursor is not None and most > 0:
        part = find(wanted, limit=min(MAX_LIMIT, most), cursor=cursor)
        yield from part.items
        most, cursor = most - len(part.items), part.next_cursor


def _row(event: Event) -> dict[str, Any]:
    payload = event.payload if isinstance(event.payload, dict) else {"value": event.payload}
    rest = {name: value for name, value in payload.items() if name not in ("before", "after")}
    return {**event_dict(event), "address": event.address, "about": event.about, "before": payload.get("before"),
            "after": payload.get("after"), "payload": rest}


def safe_cell(value: Any) -> str:
    """A value as a cell of CSV that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(FORMULA) else text
