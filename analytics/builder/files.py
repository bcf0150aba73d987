"""A report as a file: CSV for a spreadsheet, JSON for programs, Parquet where pyarrow is installed. Written as its rows
are read."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from analytics.builder.datasets import NUMBERS, TIME
from analytics.builder.definition import Definition
from analytics.builder.errors import BadReport
from events.exporting import safe_cell

# Bytes that are sent at a time.
PART = 1 << 16
BATCH = 10_000
Rows = Iterator[list[Any]]


def as_csv(report: Definition, rows: Rows) -> Iterator[bytes]:
    """A head, then a line for each row. No cell begins a formula."""
    for_lines = io.StringIO()
    writer = csv.writer(for_lines)
    writer.writerow([one.name for one in report.heads])
    # A number is a number, also below zero, and so is a moment: neither begins a formula.
    texts = [place for place, one in enumerate(_kinds(report)) if one.kind not in NUMBERS and one.kind != TIME]
    for row in rows:
        for place in texts:
            row[place] = safe_cell(row[place])
        writer.writerow(row)
        if for_lines.tell() > PART:
            yield for_lines.getvalue().encode()
            for_lines.seek(0)
            for_lines.truncate()
    yield for_lines.getvalue().encode()


def as_json(report: Definition, rows: Rows) -> Iterator[bytes]:
    """One array, an object a line."""
    names, lines, length, begin = [one.name for one in report.heads], [], 0, "[\n"
    for row in rows:
        line = json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False)
        lines.append(line)
        length += len(line)
        if length > PART:
            yield (begin + ",\n".join(lines)).encode()
            lines, length, begin = [], 0, ",\n"
    if begin == "[\n" and not lines:
        yield b"[]\n"
        return
    yield ((begin if lines else "") + ",\n".join(lines) + "\n]\n").encode()


def as_parquet(report: Definition, rows: Rows) -> Iterator[bytes]:
    """Columns of numbers and of texts, in a file that is made on the disk first: its end says what is in it."""
    import pyarrow  # 40 MB, which who makes no such file does without
    from pyarrow import parquet

    types = [pyarrow.float64() if one.kind in NUMBERS else pyarrow.string() for one in _kinds(report)]
    schema = pyarrow.schema([(one.name, kind) for one, kind in zip(report.heads, types, strict=True)])
    with tempfile.TemporaryFile() as file:
        with parquet.ParquetWriter(file, schema) as writer:
            batch: list[list[Any]] = []
            for row in rows:
                batch.append(row)
                if len(batch) == BATCH:
                    writer.write_batch(_batch(pyarrow, schema, types, batch))
                    batch = []
            writer.write_batch(_batch(pyarrow, schema, types, batch))
        file.seek(0)
        while part := file.read(PART):
            yield part


def _batch(pyarrow: Any, schema: Any, types: list[Any], rows: list[list[Any]]) -> Any:
    columns = []
    for place, kind in enumerate(types):
        values = [row[place] for row in rows]
        if kind == pyarrow.string():
            values = [value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                      for value in values]
        columns.append(pyarrow.array(values, kind))
    return pyarrow.record_batch(columns, schema=schema)


def _kinds(report: Definition) -> list[Any]:
    return [getattr(one, "column", one) for one in report.heads]


FORMATS: dict[str, tuple[str, Callable[[Definition, Rows], Iterator[bytes]]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "json": ("application/json", as_json),
    "parquet": ("application/vnd.apache.parquet", as_parquet),
}


def writer_of(name: str) -> tuple[str, Callable[[Definition, Rows], Iterator[bytes]]]:
    """The type of a format, and what writes it. Raises BadReport."""
    if name not in FORMATS:
        raise BadReport(f"There is no format {name[:20]!r}.", "format", f"Use {', '.join(FORMATS)}.")
    if name == "parquet" and importlib.util.find_spec("pyarrow") is None:
        raise BadReport("This Hub cannot write Parquet: pyarrow is not installed.", "format", "Use csv or json.")
    return FORMATS[name]
