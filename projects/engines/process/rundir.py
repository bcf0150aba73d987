"""The private folder of a stack: what the engine wishes, what the supervisor saw, and one lock.

Lean on purpose: the supervisor imports it. Files are replaced as a whole, so a reader never sees half of one.
"""

import contextlib
import fcntl
import json
import os

from projects.engines.process.processes import living, stat_of


class RunDir:
    """`wish.json` is written by the engine only, `state.json` by whoever holds `lock`: the supervisor as long as it
    lives, and the engine for the moment in which it stops a stack whose supervisor is dead.

    A supervisor signs the lock file with its pid and start time, so others can look without touching the lock.
    """

    def __init__(self, path: str):
        self.path = os.fspath(path)
        self.wish_path = os.path.join(self.path, "wish.json")
        self.state_path = os.path.join(self.path, "state.json")
        self.lock_path = os.path.join(self.path, "lock")
        self.wish_lock_path = os.path.join(self.path, "wish.lock")
        self.supervisor_log = os.path.join(self.path, "supervisor.log")
        self.logs_path = os.path.join(self.path, "logs")

    def create(self) -> None:
        """Make the folder and what is locked in it. OSError when that is not possible."""
        os.makedirs(self.path, mode=0o700, exist_ok=True)
        os.chmod(self.path, 0o700)
        os.close(self._open_lock(self.wish_lock_path))

    def exists(self) -> bool:
        return os.path.isdir(self.path)

    # What is wished and what was seen

    def wish(self) -> dict:
        """What the engine wrote last; empty when there is none."""
        return read_json(self.wish_path)

    def state(self) -> dict:
        """What the supervisor wrote last; empty when there is none."""
        return read_json(self.state_path)

    def write_wish(self, wish: dict) -> None:
        write_json(self.wish_path, wish)

    def write_state(self, state: dict) -> None:
        write_json(self.state_path, state)

    def forget(self) -> None:
        """Remove wish and state: nothing is wished, nothing was seen. It needs no room on the disk."""
        for path in (self.wish_path, self.state_path):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    @contextlib.contextmanager
    def changing(self):
        """Hold this while reading, changing and writing the wish: two callers never overwrite each other."""
        handle = self._open_lock(self.wish_lock_path)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _open_lock(self, path: str) -> int:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    # Who watches

    def take_lock(self) -> int | None:
        """The open lock of the one who may write the state; None when somebody else has it."""
        handle = self._open_lock(self.lock_path)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        return handle

    def sign(self, lock: int) -> None:
        """Say that the calling process is the one who watches. From here on it may be sent signals."""
        me = stat_of(os.getpid())
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{me.pid} {me.start}\n".encode(), 0)

    def holder(self) -> tuple[int, int] | None:
        """Pid and start time of the living process that watches; None when nobody does."""
        try:
            with open(self.lock_path, encoding="ascii") as file:
                pid, start = (int(word) for word in file.read().split())
        except (OSError, ValueError):
            return None
        return (pid, start) if living(pid, start) else None

    # Logs

    def runs(self) -> list[int]:
        """Numbers of the runs whose logs are kept, newest first."""
        try:
            return sorted((int(name) for name in os.listdir(self.logs_path) if name.isdigit()), reverse=True)
        except OSError:
            return []

    def log_path(self, run: int, instance: str) -> str:
        safe = "".join(sign if sign.isalnum() or sign in "._-" else f"%{ord(sign):x}" for sign in instance)
        return os.path.join(self.logs_path, str(run), f"{safe}.log")


def read_json(path: str) -> dict:
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError):
        # A file that is absent, or was cut off by a power failure, says nothing.
        return {}
    return content if isinstance(content, dict) else {}


def write_json(path: str, content: dict) -> None:
    """Replace a file as a whole (0600). OSError when the disk is full, with the old content kept."""
    draft = f"{path}.{os.getpid()}"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, separators=(",", ":"))
        os.replace(draft, path)
    except OSError:
        os.unlink(draft)
        raise
