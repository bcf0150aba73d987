"""Host ports that no other test or bench process of this machine uses at the same time.

Each such process claims a slice for as long as it lives, by listening on the slice's first port. So workers that run
parts of one suite side by side, and suites of several checkouts, never lease or bind the same port.
"""

from __future__ import annotations

import functools
import itertools
import socket

from projects.engines.host_ports import is_free

# Below the ports that the kernel gives to outgoing connections.
FIRST, LAST, SIZE = 10_000, 31_999, 1000

Range = tuple[int, int]


class PortSlice:
    """`SIZE` neighbouring ports from `first` on. The ranges are `(lowest, highest)` and share no port."""

    def __init__(self, guard: socket.socket):
        self._guard = guard
        self.first = guard.getsockname()[1]
        self._turns = itertools.cycle(range(self.first + 800, self.first + SIZE))

    @property
    def own(self) -> Range:
        """What is leased in the process itself."""
        return self.first + 1, self.first + 399

    @property
    def hub(self) -> Range:
        """What a whole Hub may lease that the process starts."""
        return self.first + 400, self.first + 799

    @property
    def whole(self) -> Range:
        """Both of them, for a process that leases nothing itself."""
        return self.own[0], self.hub[1]

    def free(self) -> int:
        """A port for one listener: nobody listens on it now, and it is given again as late as possible."""
        for port in itertools.islice(self._turns, SIZE):
            if is_free(port):
                return port
        raise RuntimeError(f"Somebody listens on every port from {self.first + 800} to {self.first + SIZE - 1}.")

    def release(self) -> None:
        """Leave the slice to others."""
        self._guard.close()


@functools.cache
def claimed() -> PortSlice:
    """The slice of this process. RuntimeError when others hold them all."""
    for first in range(FIRST, LAST, SIZE):
        guard = socket.socket()
        try:
            guard.bind(("127.0.0.1", first))
            guard.listen(1)
        except OSError:  # another's, or a port that somebody uses for something else
            guard.close()
        else:
            return PortSlice(guard)
    raise RuntimeError(f"Every slice of ports from {FIRST} to {LAST} is held by a test that runs now.")


def free_port() -> int:
    """A port of this process's slice that nobody listens on now."""
    return claimed().free()
