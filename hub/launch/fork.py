"""Forking a part of Hub from `up`, so that it dies with it and shares its memory."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Protocol

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15

_libc = ctypes.CDLL(None, use_errno=True)


class Closable(Protocol):
    def close(self) -> None: ...


def fork(name: str, run: Callable[[], int | None], *, output: int | None, close: Iterable[Closable]) -> int:
    """Run a function in a new process and answer its pid.

    The child has a session of its own (Ctrl-C reaches `up` alone), default signal handlers, no standard input, and its
    output goes to `output` (None: where the parent's goes). It closes what it inherited and should not keep. It is
    killed when the parent dies. What `run` returns is its exit code; an exception is printed, and is exit code 1.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    # Until the child has put back the default handlers, no signal may run the parent's in it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return pid
    status = 1
    try:
        die_with_parent(parent)
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        for resource in close:
            resource.close()
        _redirect(output)
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        set_title(name)
        status = run() or 0
    except SystemExit as ending:
        status = _exit_code(ending)
    except BaseException:  # noqa: BLE001 - whatever it is, this process must end here and not return into the parent's code
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, also when the parent has ended already."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def set_title(name: str) -> None:
    """Show `hub: <name>` in `ps` and `top`, since all forks of one process look the same otherwise."""
    title = f"hub: {name}".encode()
    _libc.prctl(PR_SET_NAME, title[:15], 0, 0, 0)
    # /proc/<pid>/cmdline shows the memory from arg_start to arg_end: fields 48 and 49 of proc(5), 0 where it is hidden.
    with open("/proc/self/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    start, end = (int(fields[i]) for i in (45, 46)) if len(fields) > 46 else (0, 0)
    if start and end - start > len(title):
        ctypes.memset(start, 0, end - start)
        ctypes.memmove(start, title, len(title))


def _redirect(output: int | None) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    if output is not None:
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)


def _exit_code(ending: SystemExit) -> int:
    if ending.code is None or isinstance(ending.code, int):
        return ending.code or 0
    print(ending.code, file=sys.stderr)
    return 1
