"""Starts a supervisor that belongs to nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from projects.engines import umask
from projects.engines.base import EngineError
from projects.engines.process.environment import DEFAULT_PATH
from projects.engines.process.processes import send_signal
from projects.engines.process.rundir import RunDir

CODE_ROOT = Path(__file__).resolve().parents[3]
LAUNCH_SECONDS = 10.0
SUPERVISOR_LOG_LIMIT = 256 * 1024


def launch(rundir: RunDir) -> None:
    """Start a supervisor for the folder. It ends at once when there is one already.

    It has nothing of Hub's environment, the umask that Hub was started with, and is no child of the caller: it forks
    once more, and what we started ends and is waited for here.
    """
    mode = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    try:
        if os.path.exists(rundir.supervisor_log) and os.path.getsize(rundir.supervisor_log) > SUPERVISOR_LOG_LIMIT:
            mode |= os.O_TRUNC
        log = os.open(rundir.supervisor_log, mode, 0o600)
    except OSError as error:
        raise EngineError(f"Hub cannot write to its data folder {rundir.path}: {error.strerror}.") from error
    try:
        # -S and -E: no site packages and no Python variables, which makes it small and quick to start.
        ended = subprocess.run(
            [sys.executable, "-S", "-E", "-m", "projects.engines.process.supervisor", rundir.path],
            cwd=CODE_ROOT, env={"PATH": DEFAULT_PATH, "LANG": "C.UTF-8"}, start_new_session=True, check=False,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=LAUNCH_SECONDS,
            umask=umask.usual(),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineError("The supervisor of the stack could not be started.", str(error)) from error
    finally:
        os.close(log)
    # One that was killed is like one that is killed a moment later: whoever waits for it starts another.
    if ended.returncode > 0:
        raise EngineError("The supervisor of the stack could not be started.", end_of(rundir.supervisor_log))


def end_of(path: str) -> str:
    """The last lines of a supervisor's own log."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return "".join(file.readlines()[-20:])


def wake(rundir: RunDir) -> bool:
    """Make the supervisor look at its wish now. False when there is none."""
    holder = rundir.holder()
    return holder is not None and send_signal(*holder, signal.SIGHUP)
