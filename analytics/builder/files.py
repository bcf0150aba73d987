"""A report as a file: CSV for a spreadsheet, JSON for programs, Parquet where pyarrow is installed. Written as its rows
are read."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from json.encoder import encode_basestring
from typing import Any

from analytics.builder.datasets import ID, NUMBERS, TEXT, TIME, each
from analytics.builder.definition import Definition
from analytics.builder.errors import BadReport
from analytics.builder.running import Part
from events.exporting import safe_cell

# Bytes that are sent at a time.
PART = 1 << 16
ENCODER = json.JSONEncoder(ensure_ascii=False)


def as_csv(report: Definition, parts: Iterator[Part]) -> Iterator[bytes]:
    """A head, then a line for each row. No cell begins a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([one.name for one in report.heads])
    cells = [_cells(one) for one in _kinds(report)]
    for part in parts:
        writer.writerows(zip(*(make(column) for make, column in zip(cells, part, strict=True)), strict=True))
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    yield text.getvalue().encode()


def as_json(report: Definition, parts: Iterator[Part]) -> Iterator[bytes]:
    """One array, an object a line."""
    heads = ", ".join(f"{ENCODER.encode(one.name).replace('%', '%%')}: %s" for one in report.heads)
    line = f"{{{heads}}}".__mod__
    encoders, begin = [_encoder(one) for one in _kinds(report)], "[\n"
    for part in parts:
        columns = [make(column) for make, column in zip(encoders, part, strict=True)]
        yield (begin + ",\n".join(map(line, zip(*columns, strict=True)))).encode()
        begin = ",\n"
    yield b"[]\n" if begin == "[\n" else b"\n]\n"


def as_parquet(report: Definition, parts: Iterator[Part]) -> Iterator[bytes]:
    """Columns of numbers and of texts, in a file that is made on the disk first: its end says what is in it."""
    import pyarrow  # 40 MB, which who makes no such file does without
    from pyarrow import parquet

    types = [pyarrow.float64() if one.kind in NUMBERS else pyarrow.string() for one in _kinds(report)]
    schema = pyarrow.schema([(one.name, kind) for one, kind in zip(report.heads, types, strict=True)])
    with tempfile.TemporaryFile() as file:
        with parquet.ParquetWriter(file, schema) as writer:
            for part in parts:
                columns = [pyarrow.array(column if kind != pyarrow.string() else list(map(_string, column)), kind)
                           for kind, column in zip(types, part, strict=True)]
                writer.write_batch(pyarrow.record_batch(columns, schema=schema))
        file.seek(0)
        while part := file.read(PART):
            yield part


def _cells(one: Any) -> Callable[[Sequence[Any]], Sequence[Any]]:
    # A number is a number, also below zero; neither a moment nor an id begins a formula.
    if one.kind in NUMBERS or one.kind in (TIME, ID):
        return tuple
    return partial(each, safe_cell, often_same=one.kind == TEXT and not one.wide)


def _encoder(one: Any) -> Callable[[Sequence[Any]], Sequence[str]]:
    if one.kind in NUMBERS:
        return partial(each, _number)
    return partial(each, _encoded, often_same=one.kind == TEXT and not one.wide)


def _number(value: Any) -> str:
    # As the encoder would, which takes ten times as long for a single value.
    return repr(value) if value.__class__ is int or value.__class__ is float else ENCODER.encode(value)


def _encoded(value: Any) -> str:
    return encode_basestring(value) if value.__class__ is str else ENCODER.encode(value)


def _string(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else ENCODER.encode(value)


def _kinds(report: Definition) -> list[Any]:
    return [getattr(one, "column", one) for one in report.heads]


Writer = Callable[[Definition, Iterator[Part]], Iterator[bytes]]
FORMATS: dict[str, tuple[str, Writer]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "json": ("application/json", as_json),
    "parquet": ("application/vnd.apache.parquet", as_parquet),
}


def writer_of(name: str) -> tuple[str, Writer]:
    """The type of a format, and what writes it. Raises BadReport."""
    if name not in FORMATS:
        raise BadReport(f"There is no format {name[:20]!r}.", "format", f"Use {', '.join(FORMATS)}.")
    if name == "parquet" and importlib.util.find_spec("pyarrow") is None:
        raise BadReport("This Hub cannot write Parquet: pyarrow is not installed.", "format", "Use csv or json.")
    return FORMATS[name]
