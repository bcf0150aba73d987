"""The virtual environment of a checkout. Runs before anything is installed, so it may use only the standard library.

`bin/up` and `bin/test` call `main`: it makes or updates the environment, and becomes the program asked for in it.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from projects.stacks import dotenv
from projects.stacks.spec import StackError

ROOT = Path(__file__).resolve().parent.parent.parent

# Bytes. An environment takes 150 MB, and pip unpacks beside it.
NEEDED = 300 * 1024 * 1024


class SetUpError(Exception):
    """The environment cannot be made. The message is one line for the user."""


def main(arguments: list[str]) -> None:
    """`[--dev] PROGRAM ARGUMENTS...`: become that Python program, as `python PROGRAM` or `python -m PROGRAM`, in the
    environment of this checkout."""
    requirements = "requirements.txt"
    if arguments[0] == "--dev":
        requirements, arguments = "requirements-dev.txt", arguments[1:]
    try:
        python = ready(ROOT / requirements)
    except SetUpError as error:
        sys.exit(f"hub: {error}")
    except OSError as error:
        sys.exit(f"hub: {error.filename or ROOT}: {error.strerror}.")
    except KeyboardInterrupt:
        sys.exit("hub: interrupted while setting up; the next start begins again.")
    # Threads share two pools of memory instead of eight per core: the web process stays tens of MB smaller.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    os.execv(python, [str(python), *arguments])


def ready(requirements: Path) -> Path:
    """The Python of an environment in which these requirements are installed. Raises SetUpError."""
    # Who has installed requirements-dev.txt has installed requirements.txt, and what else it names.
    files = _with_included(requirements) | {ROOT / "requirements.txt"}
    folder = _folder(files)
    python = folder / "bin" / "python"
    base = folder / "python.stamp"
    with _locked(folder.parent):
        if not _is_made(folder):
            _check_room(folder)
            _make(folder, base)
        if not _has(folder, files):
            _check_room(folder)
            _install(python, requirements)
            for file in files:
                _stamp(folder, file).write_text(_fingerprint(folder, file))
    return python


def vouch(folder: Path, *files: Path) -> None:
    """Say of an environment that was made elsewhere that it is of this Python and has what these files name."""
    (folder / "python.stamp").write_text(_fingerprint(folder))
    for file in files:
        _stamp(folder, file).write_text(_fingerprint(folder, file))


def _is_made(folder: Path) -> bool:
    return _read(folder / "python.stamp") == _fingerprint(folder) and (folder / "bin" / "python").exists()


def _has(folder: Path, files: set[Path]) -> bool:
    return all(_read(_stamp(folder, file)) == _fingerprint(folder, file) for file in files)


def _with_included(requirements: Path) -> set[Path]:
    """The file and those that it includes by `-r`."""
    lines = requirements.read_text().splitlines()
    included = (requirements.parent / line.removeprefix("-r ").strip() for line in lines if line.startswith("-r "))
    return {requirements}.union(*map(_with_included, included))


def _folder(files: set[Path]) -> Path:
    own = ROOT / ".venv"
    # What somebody else has made, whole, is used by those who may not write there.
    if os.access(ROOT, os.W_OK) or (_is_made(own) and _has(own, files)):
        return own
    data = ROOT / Path(_hub_data() or "var").expanduser()
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(data, os.W_OK | os.X_OK):
            raise PermissionError
    except OSError:
        raise SetUpError(
            f"neither {ROOT} nor {data} can be written by this user. Set HUB_DATA to a folder that can."
        ) from None
    return data.resolve() / ".venv"


def _hub_data() -> str:
    if os.environ.get("HUB_DATA"):
        return os.environ["HUB_DATA"]
    try:
        return dotenv.read(ROOT / ".env").values.get("HUB_DATA", "")
    except StackError as error:
        raise SetUpError(error.message) from None


class _locked:
    """Two that set up one folder at once: the second waits, and finds the work done. Locks the folder itself."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __enter__(self) -> None:
        self.descriptor = os.open(self.folder, os.O_RDONLY)
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)

    def __exit__(self, *exception: object) -> None:
        os.close(self.descriptor)


def _make(folder: Path, stamp: Path) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise SetUpError(
                f"this Python {version} cannot make virtual environments: its module {module} is missing. "
                f"Install it (Debian, Ubuntu: apt-get install python{version}-venv)."
            )
    print("Making the virtual environment ...", flush=True)
    # Where it is a link, what it leads to is made, under that name.
    shutil.rmtree(folder.resolve(), ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(folder.resolve())], "the virtual environment could not be made")
    stamp.write_text(_fingerprint(folder))


def _install(python: Path, requirements: Path) -> None:
    print(f"Installing {requirements.name} (a minute at the first start) ...", flush=True)
    # While pip works the environment is neither the old nor the new one: no stamp may vouch for it.
    for stamp in python.parent.parent.glob("requirements*.stamp"):
        stamp.unlink()
    _run(
        [str(python), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "-r",
         str(requirements)],
        f"{requirements.name} could not be installed",
    )


def _run(command: list[str], failure: str) -> None:
    """Run a command, silent unless it fails; then raise with the line that says why."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", check=False)
    if done.returncode == 0:
        return
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    if any("No space left on device" in line for line in lines):
        raise SetUpError(f"{failure}: the disk is full. Free some space and start again.")
    reasons = [line for line in lines if line.lower().startswith("error")] or lines
    raise SetUpError(f"{failure}: {reasons[-1] if reasons else f'exit code {done.returncode}'}")


def _check_room(folder: Path) -> None:
    free = shutil.disk_usage(folder.parent).free
    if free < NEEDED:
        raise SetUpError(
            f"the disk of {folder.parent} is full: {free >> 20} MB free, {NEEDED >> 20} MB needed. Free some space."
        )


def _stamp(folder: Path, requirements: Path) -> Path:
    """The file in the environment that vouches for these requirements."""
    return folder / f"{requirements.name}.stamp"


def _fingerprint(folder: Path, requirements: Path | None = None) -> str:
    """Changes with the Python, the environment's place (scripts in it hold its path) and the file."""
    digest = hashlib.sha256(f"{sys.version} {sys.base_prefix} {folder.resolve()}".encode())
    if requirements:
        digest.update(requirements.read_bytes())
    return digest.hexdigest()


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""
