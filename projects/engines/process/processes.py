"""What Linux says about processes, from /proc. Lean on purpose: the supervisor imports it.

A process is always named by its pid *and* its start time (clock ticks since boot), because pids are used again.
"""

import os
import signal

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
DEAD_STATES = "ZXx"


class Stat:
    """One line of /proc/<pid>/stat. `state` is the kernel's letter, `start` and `cpu` are clock ticks."""

    __slots__ = ("cpu", "group", "name", "pid", "ppid", "session", "start", "state")

    def __init__(self, pid: int, name: str, fields: list[str]):
        self.pid, self.name, self.state = pid, name, fields[0]
        self.ppid, self.group, self.session = int(fields[1]), int(fields[2]), int(fields[3])
        self.cpu, self.start = int(fields[11]) + int(fields[12]), int(fields[19])

    @property
    def identity(self) -> tuple[int, int]:
        return self.pid, self.start

    @property
    def alive(self) -> bool:
        """False for a zombie: it holds nothing any more, it only waits for its parent to ask."""
        return self.state not in DEAD_STATES


def stat_of(pid: int) -> Stat | None:
    """The process of that pid, None when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return None
    # The name stands in parentheses and may itself hold spaces and parentheses.
    opening, closing = text.index("("), text.rindex(")")
    return Stat(pid, text[opening + 1 : closing], text[closing + 2 :].split())


def living(pid: int | None, start: int | None) -> Stat | None:
    """The process, if it is still the same one and no zombie."""
    if not pid:
        return None
    stat = stat_of(pid)
    return stat if stat is not None and stat.start == start and stat.alive else None


def table() -> dict[int, Stat]:
    """Every process of the machine that can be seen, by pid."""
    found = (stat_of(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return {stat.pid: stat for stat in found if stat is not None}


def environment_of(pid: int) -> dict[str, str]:
    """The variables that a process was started with; empty when they cannot be read (another user's, ended)."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            entries = file.read().split(b"\0")
    except OSError:
        return {}
    pairs = (entry.decode("utf-8", "replace").partition("=") for entry in entries)
    return {name: value for name, equals, value in pairs if equals}


def send_signal(pid: int, start: int, number: int) -> bool:
    """Signal a process, never one that was given its pid later. False when it is gone or not ours to signal."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        # The handle pins the process; only then is its start time worth comparing.
        stat = stat_of(pid)
        if stat is None or stat.start != start:
            return False
        signal.pidfd_send_signal(handle, number)
        return True
    except OSError:
        return False
    finally:
        os.close(handle)


def boot_id() -> str:
    """Names this boot of the machine: pids of an earlier boot mean nothing."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
