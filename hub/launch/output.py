"""What the children say: to the terminal with their name before it, and to bounded files."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from pathlib import Path

MAX_LINE = 16 * 1024
MAX_FILE = 1024 * 1024
MAX_PENDING = 256 * 1024
# A pipe that select() calls writable takes this much without blocking (pipe(7), PIPE_BUF).
CHUNK = 4096


class LogFile:
    """A file that is renamed to `.1` when it has grown to `MAX_FILE`: at most twice that is kept."""

    def __init__(self, path: Path):
        self.path = path

    def write(self, line: bytes) -> None:
        """Add a line. A disk that is full or gone loses the line, not Hub."""
        try:
            with open(self.path, "ab") as file:
                file.write(line)
                size = file.tell()
            if size >= MAX_FILE:
                self.path.replace(self.path.with_name(self.path.name + ".1"))
        except OSError:
            return


class Terminal:
    """Standard output that never blocks: who pauses the terminal must not pause Hub."""

    def __init__(self, descriptor: int = 1):
        self.descriptor = descriptor
        self.colours = os.isatty(descriptor) and "NO_COLOR" not in os.environ
        self._pending = bytearray()
        self._dropped = 0
        self._gone = False

    def write(self, line: bytes) -> None:
        """Add a line; it is left out, and counted, while too much waits already."""
        if len(self._pending) > MAX_PENDING:
            self._dropped += 1
            return
        if self._dropped:
            self._pending += f"... {self._dropped} lines were not shown here; see the log files.\n".encode()
            self._dropped = 0
        self._pending += line
        self.flush()

    def flush(self) -> None:
        """Write what can be written without waiting."""
        while self._pending and not self._gone:
            try:
                if not select.select([], [self.descriptor], [], 0)[1]:
                    return
                del self._pending[: os.write(self.descriptor, self._pending[:CHUNK])]
            except OSError:  # the terminal was closed: the log files go on
                self._gone = True
        if self._gone:
            self._pending.clear()


class Output:
    """Collects what all children write."""

    def __init__(self, folder: Path, quiet: Callable[[str], bool]):
        """Children for whose name `quiet` is true write to their files only."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self.folder = folder
        self.quiet = quiet
        self.terminal = Terminal()
        self._partial: dict[str, bytes] = {}

    def say(self, text: str) -> None:
        """A line of `up` itself."""
        sys.stdout.flush()
        self.line("up", text.encode(errors="replace"), prefix=False)

    def feed(self, name: str, data: bytes) -> None:
        """Bytes that a child wrote, whole lines or not."""
        *lines, rest = (self._partial.get(name, b"") + data).split(b"\n")
        if len(rest) > MAX_LINE:
            lines, rest = [*lines, rest], b""
        self._partial[name] = rest
        for line in lines:
            self.line(name, line)

    def flush(self) -> None:
        """Show what the terminal could not take before."""
        self.terminal.flush()

    def end(self, name: str) -> None:
        """A child's output ended: its last line may lack a line end."""
        rest = self._partial.pop(name, b"")
        if rest:
            self.line(name, rest)

    def line(self, name: str, line: bytes, *, prefix: bool = True) -> None:
        """One line, without its end."""
        LogFile(self.folder / f"{name}.log").write(line + b"\n")
        if prefix and self.quiet(name):
            return
        label = f"{name:<9} | ".encode() if prefix else b""
        if prefix and self.terminal.colours:
            label = b"\x1b[2m" + label + b"\x1b[0m"
        self.terminal.write(label + line + b"\n")
