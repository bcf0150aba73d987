"""`bin/up` before Hub itself runs: finding a Python, and making the virtual environment.

In a small checkout of the real scripts, with a `requirements.txt` that needs no network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.tests.conftest import ROOT

Run = Callable[..., subprocess.CompletedProcess]

REAL_PARTS = ["bin", "hub/__init__.py", "hub/launch", "projects/__init__.py", "projects/stacks"]
MAKING = "Making the virtual environment ..."
INSTALLING = "Installing requirements.txt (a minute at the first start) ..."
# Debian splits ensurepip off: the tests' Python as it is, but for that module.
WITHOUT_ENSUREPIP = f"""
if [ "$1" = -I ]; then
    code="import sys; sys.modules['ensurepip'] = None; $3"
    shift 3
    exec {sys.executable} -I -c "$code" "$@"
fi
exec {sys.executable} "$@"
"""


@pytest.fixture(scope="module")
def checkout_with_environment(tmp_path_factory) -> Path:
    """A checkout in which `bin/up` has run once, after an earlier try was cut off while it made the environment."""
    checkout = make_checkout(tmp_path_factory.mktemp("checkout") / "with blank")
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
    done = run(checkout)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == [MAKING, INSTALLING]
    return checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh one, as after `git clone`."""
    return make_checkout(tmp_path / "checkout")


def make_checkout(folder: Path) -> Path:
    for part in REAL_PARTS:
        source, target = ROOT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    (folder / "requirements.txt").write_text("# nothing\n")
    (folder / "requirements-dev.txt").write_text("-r requirements.txt\n")
    (folder / "manage.py").write_text("import sys\nprint('manage.py', *sys.argv[1:], 'in', sys.prefix)\n")
    return folder


def run(checkout: Path, *arguments: str, path: str | None = None, before: list[str] | None = None,
        **environment: str) -> subprocess.CompletedProcess:
    """Run its `bin/up`, from another directory. `path`: where programs are found, instead of the tests' Python."""
    path = path or f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    return subprocess.run(
        [*(before or []), str(checkout / "bin" / "up"), *arguments], cwd="/", env={**kept, "PATH": path, **environment},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def programs(folder: Path, **scripts: str) -> str:
    """A PATH with the few programs that a shell script needs, and these."""
    folder.mkdir()
    for name in {"sh", "dirname", "readlink", "cat", "uname"} - set(scripts):
        (folder / name).symlink_to(shutil.which(name))
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return str(folder)


def refusal(done: subprocess.CompletedProcess) -> str:
    """The one line that says why it did not start."""
    assert done.returncode == 1, done
    said = [line for line in (done.stdout + done.stderr).splitlines() if line not in (MAKING, INSTALLING)]
    assert len(said) == 1, said
    assert said[0].startswith("hub: ")
    return said[0]


def unable_to_override() -> list[str]:
    """Root may write anywhere; without its capabilities it is refused like anybody else."""
    return ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.getuid() == 0 else []


def test_the_second_time_nothing_is_made_or_installed(checkout_with_environment: Path):
    done = run(checkout_with_environment, "--some", "two words")
    assert done.stdout == f"manage.py up --some two words in {checkout_with_environment / '.venv'}\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_it_is_found_through_a_link(checkout_with_environment: Path, tmp_path: Path):
    (tmp_path / "hub").symlink_to(checkout_with_environment / "bin" / "up")
    done = subprocess.run([tmp_path / "hub"], cwd=tmp_path, capture_output=True, text=True, check=True,
                          env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"})
    assert done.stdout.startswith("manage.py up")


def test_changed_requirements_are_installed_and_a_failure_is_one_line(checkout_with_environment: Path):
    requirements = checkout_with_environment / "requirements.txt"
    before = requirements.read_text()
    requirements.write_text("no-such-thing @ file:///no/such/thing.whl\n")
    try:
        assert "requirements.txt could not be installed" in refusal(run(checkout_with_environment))
        # Still wrong, so still refused: a half-installed environment is never used.
        assert "requirements.txt could not be installed" in refusal(run(checkout_with_environment))
    finally:
        requirements.write_text(before)
    done = run(checkout_with_environment)
    assert done.stdout.splitlines()[0] == INSTALLING
    assert done.returncode == 0


def test_a_checkout_that_was_moved_does_not_use_the_old_environment(checkout_with_environment: Path, tmp_path: Path):
    moved = tmp_path / "moved"
    shutil.copytree(checkout_with_environment, moved, symlinks=True)
    # A Python that cannot make environments shows that one is wanted.
    line = refusal(run(moved, path=programs(tmp_path / "programs", python3=WITHOUT_ENSUREPIP)))
    assert "-venv" in line


def test_the_tests_install_more_and_the_start_is_satisfied_with_it(checkout_with_environment: Path):
    python = checkout_with_environment / "bin" / "python"
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run([python, "--dev", "-c", "print('here')"], env=environment, capture_output=True, text=True,
                          check=True)
    assert done.stdout.splitlines()[-1] == "here"
    assert run(checkout_with_environment).stdout.startswith("manage.py up")


def test_a_change_of_an_included_file_is_installed(checkout_with_environment: Path):
    python = checkout_with_environment / "bin" / "python"
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def said() -> list[str]:
        done = subprocess.run([python, "--dev", "-c", "print('here')"], env=environment, capture_output=True, text=True,
                              check=True)
        return done.stdout.splitlines()

    included = checkout_with_environment / "requirements-more.txt"
    included.write_text("# nothing\n")
    dev = checkout_with_environment / "requirements-dev.txt"
    before = dev.read_text()
    dev.write_text(f"{before}-r {included.name}\n")
    try:
        assert len(said()) == 2
        assert said() == ["here"]
        included.write_text("# nothing either\n")
        assert said() == ["Installing requirements-dev.txt (a minute at the first start) ...", "here"]
    finally:
        dev.write_text(before)
        included.unlink()


def test_an_old_python_is_refused(checkout: Path, tmp_path: Path):
    old = 'case "$2" in *sys.exit*) exit 1 ;; *) echo 3.9 ;; esac'
    line = refusal(run(checkout, path=programs(tmp_path / "programs", python3=old)))
    assert "Python 3.11 or newer is needed" in line and "python3 is 3.9" in line


def test_no_python_is_refused(checkout: Path, tmp_path: Path):
    line = refusal(run(checkout, path=programs(tmp_path / "programs")))
    assert "Python 3.11 or newer is needed" in line and "no Python was found" in line


def test_a_newer_python_beside_an_old_one_is_taken(checkout_with_environment: Path, tmp_path: Path):
    old = 'case "$2" in *sys.exit*) exit 1 ;; *) echo 3.9 ;; esac'
    new = f'exec {sys.executable} "$@"'
    path = programs(tmp_path / "programs", **{"python3": old, "python3.11": new})
    assert run(checkout_with_environment, path=path).stdout.startswith("manage.py up")


def test_a_python_without_venv_is_told_what_to_install(checkout: Path, tmp_path: Path):
    line = refusal(run(checkout, path=programs(tmp_path / "programs", python3=WITHOUT_ENSUREPIP)))
    assert f"python3.{sys.version_info.minor}-venv" in line
    assert not (checkout / ".venv").exists()


def test_a_checkout_that_cannot_be_written_uses_the_data_folder(checkout: Path, tmp_path: Path):
    data = tmp_path / "data"
    checkout.chmod(0o555)
    try:
        done = run(checkout, before=unable_to_override(), HUB_DATA=str(data))
    finally:
        checkout.chmod(0o755)
    assert done.stdout.splitlines()[-1] == f"manage.py up in {data / '.venv'}", done
    assert not (checkout / ".venv").exists()


def test_without_any_folder_to_write_to_it_is_refused(checkout: Path):
    checkout.chmod(0o555)
    try:
        line = refusal(run(checkout, before=unable_to_override()))
    finally:
        checkout.chmod(0o755)
    assert str(checkout) in line and "HUB_DATA" in line


def test_a_full_disk_is_told_in_one_line(tmp_path: Path):
    if os.getuid() != 0:
        pytest.skip("Only root can mount the small disk that this test fills.")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "hub-test", tmp_path], check=True)
    try:
        line = refusal(run(make_checkout(tmp_path / "checkout")))
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert "full" in line and str(tmp_path) in line


def test_another_system_than_linux_is_refused_before_anything_is_made(checkout: Path, tmp_path: Path):
    exec_python = f'exec {sys.executable} "$@"'
    path = programs(tmp_path / "programs", uname="echo Darwin", python3=exec_python)
    line = refusal(run(checkout, path=path))
    assert "needs Linux, and this is Darwin" in line
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_needs_nothing(checkout: Path, tmp_path: Path, flag: str):
    done = run(checkout, flag, path=programs(tmp_path / "programs", uname="echo Darwin"))
    assert done.returncode == 0
    assert "Usage: bin/up" in done.stdout and "--stop-stacks" in done.stdout
