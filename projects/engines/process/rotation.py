"""Keeps each log bounded while its writer holds it open: copy the end aside, then cut the file to nothing.

Lean on purpose: the supervisor imports it. Beside `web.log` stand `web.log.1` (the stretch before it) and
`web.log.at`, one line of three numbers: the offset at which `web.log` begins in the whole run, the offset at which
`web.log.1` begins, and the length of `web.log.1`. All three are read and changed under a lock on `web.log.at`.
"""

import fcntl
import os
import sys
import time

from projects.engines.process.stamps import Stamps

LIMIT = 4 * 1024 * 1024
SLACK = 256 * 1024
# How often to look: at a file that is about to be full, one that grows (its lines have no other time than that of the
# look), and one that does not.
SOONEST, GROWING, LATEST = 0.02, 0.25, 1.0
# A reader holds the lock for milliseconds; one that was stopped while it did may not let the disk fill up.
LOCK_TRIES = 50


def read_marks(handle: int) -> tuple[int, int, int]:
    """`(begin of the file, begin of the part before it, length of the part before it)`; zeros at first."""
    try:
        begin, earlier, length = (int(word) for word in os.pread(handle, 200, 0).split())
    except ValueError:
        return 0, 0, 0
    return begin, earlier, length


class Rotation:
    """Watches the size of one log, and notes when it grew. `check()` says after how many seconds to look again.

    `since`: when the one who writes it began (wall time); default now.
    """

    def __init__(self, path: str, limit: int = LIMIT, since: float | None = None):
        self.path, self.limit = path, limit
        self.size, self.at, self.due, self.tries = 0, time.monotonic(), 0.0, 0
        self.stamps = Stamps(path)
        self.looked_at = max(self.stamps.at, time.time() if since is None else since)
        self.begin = 0
        if not self.stamps.known:
            # So that something is known of the very first lines before anybody has looked.
            self._noted(self.looked_at, self.looked_at, 0)
        try:
            marks = os.open(f"{path}.at", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            self.begin = read_marks(marks)[0]
        finally:
            os.close(marks)

    def check(self, now: float) -> float:
        if now < self.due:
            return self.due - now
        try:
            size = os.stat(self.path).st_size
        except FileNotFoundError:
            size = 0
        growth = max(0, size - self.size) / max(now - self.at, 0.001)
        self.size, self.at = size, now
        self._note(self.begin + size)
        wait = LATEST
        if size >= self.limit:
            self._try_to_rotate()
            wait = SOONEST
        elif growth:
            wait = min(GROWING, max(SOONEST, (self.limit - size) / growth / 2))
        self.due = now + wait
        return wait

    def finish(self) -> None:
        """The last look, when nobody writes any more."""
        self.due = 0.0
        self.check(time.monotonic())

    def _note(self, end: int) -> None:
        now = time.time()
        if end <= self.stamps.end or self._noted(self.looked_at, now, end):
            self.looked_at = now

    def _noted(self, since: float, at: float, end: int) -> bool:
        try:
            self.stamps.note(since, at, end)
        except OSError as error:
            # The disk is full, or the folder is gone: the services go on, their lines with a less exact time.
            print(f"{self.path}: time not noted: {error}", file=sys.stderr, flush=True)
            return False
        return True

    def _try_to_rotate(self) -> None:
        try:
            self.rotate()
        except OSError as error:
            # The folder was deleted, or the disk has an error: the services go on.
            print(f"{self.path} not rotated: {error}", file=sys.stderr, flush=True)

    def rotate(self) -> None:
        marks = os.open(f"{self.path}.at", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        log = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            try:
                fcntl.flock(marks, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.tries += 1
                if self.tries < LOCK_TRIES:
                    return
            self.tries = 0
            self._cut(log, marks)
        finally:
            os.close(log)
            os.close(marks)

    def _cut(self, log: int, marks: int) -> None:
        begin, _, _ = read_marks(marks)
        first = max(0, os.fstat(log).st_size - self.limit)
        kept = self._copy(log, first)
        # Offsets count what was copied: bytes that come between copy and cut are lost, and no reader has seen them.
        # Where there was no room for a copy, all are lost, and the cut makes room.
        end = begin + (first + kept if kept else os.fstat(log).st_size)
        os.ftruncate(log, 0)
        os.pwrite(marks, f"{end:020d} {end - kept:020d} {kept:020d}\n".encode(), 0)
        self.size, self.begin = 0, end

    def _copy(self, log: int, first: int) -> int:
        """Put the file's text from `first` aside; gives its length, 0 when that could not be done."""
        draft, done = f"{self.path}.1.draft", 0
        try:
            copy = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                # To the very end, to lose nothing; but a writer that is faster than the copy is not waited for.
                while done < self.limit + SLACK and (sent := os.sendfile(copy, log, first + done, SLACK)):
                    done += sent
            finally:
                os.close(copy)
            os.replace(draft, f"{self.path}.1")
        except OSError:
            return 0
        return done
