"""Starts a service process. Lean on purpose: the supervisor imports it."""

import os
import signal

# Python ignores the first two for itself, a shell the third for what it starts in the background, and an ignored signal
# is inherited through exec; the supervisor handles the others, and would swallow one that comes before exec.
RESTORED_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGQUIT,
                    signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


def spawn(command: str, folder: str, variables: dict[str, str], log_path: str) -> int:
    """Run `/bin/sh -c command` in `folder`, in a session of its own, its output appended to the log. Gives the pid.

    OSError when the log cannot be opened or no process can be made. A folder that cannot be entered ends the new
    process with 126 and a line in its log, as a shell would.
    """
    log = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # The new process also holds the supervisor's lock until exec: nobody can look for it before it is marked.
        signal.pthread_sigmask(signal.SIG_BLOCK, RESTORED_SIGNALS)
        pid = os.fork()
        if pid == 0:
            _become(command, folder, variables, nothing, log)
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, RESTORED_SIGNALS)
        os.close(log)
        os.close(nothing)


def _become(command: str, folder: str, variables: dict[str, str], nothing: int, log: int) -> None:
    try:
        os.setsid()
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        for number in RESTORED_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.chdir(folder)
        os.execve("/bin/sh", ["/bin/sh", "-c", command], variables)
    except (OSError, ValueError) as error:
        os.write(2, f"cannot start in {folder}: {error}\n".encode("utf-8", "replace"))
    finally:
        os._exit(126)
