"""What a task may leave behind in its process that the next one would stumble over."""

from __future__ import annotations

import gc
import locale
import logging
import os
import resource
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from django.db import connection, connections

# Set for each task anew.
OWN = b"HUB_TASK"
LIMITS = sorted({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")})
SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
PAGE = os.sysconf("SC_PAGE_SIZE")
TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)


@dataclass(frozen=True, slots=True)
class Traces:
    """How a process looks at a moment. A horse takes another task only while it looks as it did before its first.

    Not seen are the variables of modules: a job that keeps state there between runs, or must not meet another's, says
    so with `own_process`.
    """

    folder: tuple[int, int] | None
    environment: dict[bytes, bytes]
    umask: int
    locale: str
    signals: list[Any]
    blocked: set[signal.Signals]
    timers: list[tuple[float, float]]
    limits: list[tuple[int, int]]
    niceness: int
    threads: int
    children: bool
    files: list[str]
    database: bool
    interpreter: tuple[Any, ...]

    @classmethod
    def of_this_process(cls) -> Traces:
        """How this process looks now."""
        return cls(
            folder=_folder(),
            environment={name: value for name, value in os.environb.items() if name != OWN},
            umask=_umask(),
            locale=locale.setlocale(locale.LC_ALL),
            signals=[signal.getsignal(number) for number in SIGNALS],
            blocked=signal.pthread_sigmask(signal.SIG_BLOCK, ()),
            timers=[signal.getitimer(timer) for timer in TIMERS],
            limits=[resource.getrlimit(limit) for limit in LIMITS],
            niceness=os.getpriority(os.PRIO_PROCESS, 0),
            threads=threading.active_count(),
            children=_has_children(),
            files=_files(),
            database=_transaction_is_open(),
            interpreter=(sys.stdout, sys.stderr, sys.stdin, sys.excepthook, tuple(sys.path), sys.getrecursionlimit(),
                         gc.isenabled(), logging.root.manager.disable, logging.root.level, len(warnings.filters)),
        )  # fmt: skip

    def changed(self, later: Traces) -> list[str]:
        """What is not as it was, by name."""
        return [field.name for field in fields(self) if getattr(self, field.name) != getattr(later, field.name)]


class Session:
    """A database `execute_wrapper` that sees whether a job changed the session itself (a setting, a temporary table, an
    advisory lock), which another task would find on the same connection."""

    PLAIN = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT",
                       "RELEASE", "VALUES", "EXPLAIN"})
    SIDE_EFFECTS = ("advisory", "set_config", "setseed", "into temp")

    def __init__(self) -> None:
        self.is_changed = False

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict) -> Any:
        if not self.is_changed:
            words = str(sql).lstrip(" \n\t(")
            self.is_changed = (words[:9].split(None, 1)[0].rstrip(";").upper() not in self.PLAIN
                               or any(effect in words.lower() for effect in self.SIDE_EFFECTS))
        return execute(sql, params, many, context)


def memory() -> int:
    """Bytes of memory of this process that no file stands behind."""
    with open("/proc/self/statm") as file:
        _, resident, of_files, *_ = map(int, file.read().split())
    return (resident - of_files) * PAGE


def _folder() -> tuple[int, int] | None:
    try:
        found = os.stat(".")
    except OSError:  # removed
        return None
    return found.st_dev, found.st_ino


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _files() -> list[str]:
    """Open files, by name. Not the database's and no sockets: these come and go with its connections and Redis'."""
    database = str(connection.settings_dict["NAME"]) if connection.vendor == "sqlite" else "socket:"
    found = []
    for entry in os.listdir("/proc/self/fd"):
        try:
            name = os.readlink(f"/proc/self/fd/{entry}")
        except OSError:  # the one that lists
            continue
        if not name.startswith(("socket:", database)):
            found.append(name)
    return sorted(found)


def _transaction_is_open() -> bool:
    return any(one.in_atomic_block or not one.get_autocommit() for one in connections.all(initialized_only=True)
               if one.connection is not None)
