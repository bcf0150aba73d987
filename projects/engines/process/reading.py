"""Reads the logs of services: the end of one without reading it whole, and on from an offset over rotations."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from projects.engines.process.rotation import read_marks

LONGEST_LINE = 8 * 1024
CUT_MARK = " … (line cut)"
BLOCK = 64 * 1024
# At most this much is read for one answer, however far behind the reader is.
LONGEST_READ = 4 * 1024 * 1024
# A line without its end is shown once nothing was added to it for this long (a prompt, the last words of a process).
UNFINISHED_SECONDS = 1.0


class LogFile:
    """One log and the stretch before it, as one text with offsets from the beginning of the run.

    Use it as a context: inside it nothing is rotated, so `first` and `end`, the offsets of what is there, stay true.
    """

    def __init__(self, path: str):
        self.path = path

    def __enter__(self) -> LogFile:
        self.parts: list[tuple[int, int, int]] = []
        self.handles: list[int] = []
        self.first = self.end = 0
        self.quiet = True
        try:
            self._open()
        except OSError:
            self._close()
            raise
        return self

    def __exit__(self, *_) -> None:
        self._close()

    def _open(self) -> None:
        """Collect `(offset, handle, length)` of the parts, oldest first; none when there is no log yet."""
        begin = earlier = length = 0
        marks = self._handle(f"{self.path}.at")
        if marks is not None:
            fcntl.flock(marks, fcntl.LOCK_SH)
            begin, earlier, length = read_marks(marks)
        before = self._handle(f"{self.path}.1")
        if before is not None and length:
            self.parts.append((earlier, before, length))
        log = self._handle(self.path)
        if log is not None:
            status = os.fstat(log)
            self.parts.append((begin, log, status.st_size))
            self.quiet = time.time() - status.st_mtime >= UNFINISHED_SECONDS
        self.first = self.parts[0][0] if self.parts else 0
        self.end = sum(self.parts[-1][::2]) if self.parts else 0

    def _handle(self, path: str) -> int | None:
        try:
            self.handles.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        except FileNotFoundError:
            return None
        return self.handles[-1]

    def _close(self) -> None:
        for handle in self.handles:
            os.close(handle)
        self.handles = []

    def read(self, begin: int, end: int) -> bytes:
        """The bytes between two offsets, as far as they are kept."""
        pieces = []
        for offset, handle, length in self.parts:
            first, last = max(begin, offset), min(end, offset + length)
            if first < last:
                pieces.append(os.pread(handle, last - first, first - offset))
        return b"".join(pieces)

    def backwards(self, end: int) -> Iterator[tuple[int, bytes]]:
        """Blocks of the text from `end` towards its beginning, each with its offset."""
        while end > self.first:
            begin = max(self.first, end - BLOCK)
            yield begin, self.read(begin, end)
            end = begin


class Lines(NamedTuple):
    """Lines, and the offset after each of them."""

    texts: list[str]
    ends: list[int]

    def last(self, count: int) -> Lines:
        """At most so many of them, the newest."""
        return Lines(self.texts[-count:], self.ends[-count:]) if count > 0 else Lines([], [])


def tail_of(path: str, tail: int, first: int = 0) -> tuple[Lines, int]:
    """The last `tail` lines of a log that begin at the offset `first` or later, and the offset after them."""
    with LogFile(path) as log:
        end = _end_of_lines(log)
        begin, blocks, count = end, [], 0
        for offset, block in log.backwards(end):
            blocks.append(block)
            begin, count = offset, count + block.count(b"\n")
            if count > tail or len(blocks) * BLOCK >= LONGEST_READ or offset <= first:
                break
        text = b"".join(reversed(blocks))
        if begin < first:
            text, begin = text[first - begin:], first
        return _split(text, begin).last(tail), end


def rest_of(path: str, after: int, limit: int) -> tuple[Lines, int, bool]:
    """Lines after an offset, at most the last `limit` of them, the offset after them, and whether some were missed."""
    with LogFile(path) as log:
        if after > log.end:
            # An offset of another run: this one is read from its beginning.
            after = 0
        end = _end_of_lines(log)
        begin = max(after, log.first, end - LONGEST_READ)
        if end <= begin:
            return Lines([], []), max(after, end), False
        lines = _split(log.read(begin, end), begin)
        return lines.last(limit), end, begin > after or len(lines.texts) > limit


def stretch_of(path: str, after: int, size: int, until: int | None = None) -> tuple[Lines, int, bool]:
    """The first lines after an offset, about `size` bytes of them, the offset after them, and whether some between were
    missed; no lines when there are no more before the offset `until`."""
    with LogFile(path) as log:
        end = min(_end_of_lines(log), log.end if until is None else until)
        begin = max(after, log.first)
        text = log.read(begin, min(end, begin + size))
        if begin + len(text) < end and (cut := text.rfind(b"\n")) >= 0:
            text = text[: cut + 1]
        return _split(text, begin), begin + len(text), begin > after


def end_of(path: str) -> int:
    """The offset after the last whole line of a log."""
    with LogFile(path) as log:
        return _end_of_lines(log)


def read_tail(path: str, tail: int) -> tuple[list[str], int]:
    """The last `tail` lines of a log and the offset after them."""
    lines, end = tail_of(path, tail)
    return lines.texts, end


def read_on(path: str, after: int, limit: int) -> tuple[list[str], int, bool]:
    """Lines after an offset, at most the last `limit` of them, the offset after them, and whether some were missed."""
    lines, end, missed = rest_of(path, after, limit)
    return lines.texts, end, missed


def _end_of_lines(log: LogFile) -> int:
    """The offset after the last whole line; after everything when the last line is quiet, or too long to wait for."""
    begin = max(log.first, log.end - LONGEST_LINE - 1)
    position = log.read(begin, log.end).rfind(b"\n")
    if log.quiet or (position < 0 and begin > log.first):
        return log.end
    return begin + position + 1


def _split(text: bytes, begin: int) -> Lines:
    pieces = text.split(b"\n")
    last = pieces.pop()
    ends = list(accumulate((len(piece) + 1 for piece in pieces), initial=begin))[1:]
    if last:
        ends.append(begin + len(text))
        pieces.append(last)
    return Lines([_readable(piece) for piece in pieces], ends)


def _readable(line: bytes) -> str:
    cut = len(line) > LONGEST_LINE
    text = line[:LONGEST_LINE].rstrip(b"\r").decode("utf-8", "replace")
    return text + CUT_MARK if cut else text
