"""Sprints in a file: CSV with a line of names, or JSON."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass

from retrospectives.errors import BadSprint, RetrospectiveError
from retrospectives.mappings import as_sprint
from retrospectives.rows import Row, read_row

MOST_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in one row. `row` counts from 1, without the line of names."""

    row: int
    field: str
    message: str

    def as_dict(self) -> dict[str, str | int]:
        return {"row": self.row, "field": self.field, "message": self.message}


def read_file(content: bytes, team: str = "") -> tuple[list[Row], list[Fault]]:
    """The sprints of a CSV or JSON file, and what is wrong with the others. A byte order mark is read; CSV may be
    parted by commas, semicolons or tabs. Raises RetrospectiveError when it is no such file at all."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RetrospectiveError(f"The file is not UTF-8 text: byte {error.start + 1} cannot be read. "
                                 "Save it as “CSV UTF-8”.", "file") from None
    if not text.strip():
        raise RetrospectiveError("The file is empty.", "file")
    given = _json(text) if text.lstrip()[0] in "[{" else _csv(text)
    if not given:
        raise RetrospectiveError("There is no sprint in the file, only its names.", "file")
    if len(given) > MOST_ROWS:
        raise RetrospectiveError(f"The file has {len(given)} sprints; at most {MOST_ROWS} are read at once.", "file")
    return read_rows(given, team)


def read_rows(given: list, team: str = "") -> tuple[list[Row], list[Fault]]:
    """Each of the given objects as a sprint, or what is wrong with it. The second of two with one id is a fault."""
    rows: list[Row] = []
    faults: list[Fault] = []
    seen: dict[tuple[str, str], int] = {}
    for number, one in enumerate(given, 1):
        try:
            row = read_row(as_sprint(one), team)
            first = seen.setdefault((row.team, row.sprint_id), number)
            if first != number:
                raise BadSprint(f"Row {first} has the same id {row.sprint_id!r}.", "sprint_id")
            rows.append(row)
        except BadSprint as error:
            faults.append(Fault(number, error.field, error.message))
    return rows, faults


def _json(text: str) -> list:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise RetrospectiveError(f"The file is no JSON, {where}.", "file") from None
    if isinstance(given, dict):
        given = given.get("items", given.get("values", [given]))
    if not isinstance(given, list):
        raise RetrospectiveError("The JSON must be a list of sprints, or an object with “items”.", "file")
    return given


def _csv(text: str) -> list[dict[str, str]]:
    first = text.lstrip("\r\n").splitlines()[0]
    parted = max(",;\t", key=first.count)
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), delimiter=parted, strict=True) if any(line)]
    except csv.Error as error:
        raise RetrospectiveError(f"The file is no CSV: {error}.", "file") from None
    names = [name.strip() for name in lines[0]]
    if "sprint_id" not in names:
        raise RetrospectiveError("The first line must name the columns, one of them “sprint_id”.", "file")
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise RetrospectiveError(f"The column {twice[0][:60]!r} is there twice.", "file")
    given = []
    for line in lines[1:]:
        row = {name: value for name, value in zip(names, line, strict=False) if name}
        if len(line) > len(names):
            row["extra values without a column"] = ", ".join(line[len(names):])
        given.append(row)
    return given
