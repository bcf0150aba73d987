"""When which stretch of a log was written, as far as looks at its size can tell: a service writes straight into its
file, so nobody sees its lines pass.

Lean on purpose: the supervisor imports it. Beside `web.log` stands `web.log.times`, one line for each look at which the
log had grown: the time of the look before, the time of this look, and the offset (counted through the whole run) that
the log then had. What ends between two of these offsets was written between the two times.
"""

import contextlib
import os

LIMIT = 256 * 1024


class Stamps:
    """Writes the file. `end` and `at` are those of the last line."""

    def __init__(self, path: str):
        self.path = f"{path}.times"
        records = read(path)
        self.known = bool(records)
        self.end, self.at = (records[-1][2], records[-1][1]) if records else (0, 0.0)

    def note(self, since: float, at: float, end: int) -> None:
        """Say that the log grew to `end` between two times. OSError when that cannot be written."""
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, f"{since:.3f} {at:.3f} {end}\n".encode())
            size = os.fstat(handle).st_size
        finally:
            os.close(handle)
        self.end, self.at = end, at
        if size > LIMIT:
            self._thin()

    def _thin(self) -> None:
        """Make room: of the older half, two looks become one that is known half as well."""
        records = read(self.path.removesuffix(".times"))
        half = len(records) // 4 * 2
        thinned = [(records[i][0], *records[i + 1][1:]) for i in range(0, half, 2)] + records[half:]
        draft = f"{self.path}.draft"
        with open(draft, "w", encoding="ascii") as file:
            file.writelines(f"{since:.3f} {at:.3f} {end}\n" for since, at, end in thinned)
        os.chmod(draft, 0o600)
        os.replace(draft, self.path)


def read(path: str) -> list[tuple[float, float, int]]:
    """What is known of the log at `path`: `(since, at, end)`, in order; empty when nothing is."""
    records = []
    try:
        with open(f"{path}.times", encoding="ascii") as file:
            for line in file:
                with contextlib.suppress(ValueError):  # the last line, while it is being written
                    since, at, end = line.split()
                    records.append((float(since), float(at), int(end)))
    except OSError:
        return []
    return records
