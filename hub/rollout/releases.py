"""Releases: checkouts of Hub side by side, each built whole before it is used, and the link to the one that is."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hub.rollout.errors import Refused, RolloutError
from hub.rollout.host import PATH, Host, last_line

# Written last: a release without it was cut off while it was built.
BUILT = "built.json"
LEFT_OUT = {".git", ".venv", "var", "__pycache__", ".pytest_cache", ".ruff_cache", ".env"}
# What the build may need to reach a package index.
HANDED_ON = re.compile(r"(PIP_.*|.*_(proxy|PROXY)|SSL_CERT_.*|REQUESTS_CA_BUNDLE)$")
BUILD_WITHIN = 1800.0


def version_of(checkout: Path) -> str:
    """Raises Refused for what is no checkout of Hub."""
    try:
        return re.search(r'^VERSION = "([^"]+)"', (checkout / "hub" / "settings.py").read_text(), re.MULTILINE)[1]
    except (OSError, TypeError):
        raise Refused(f"{checkout} is no checkout of Hub.") from None


def name_of(checkout: Path) -> str:
    """`<version>-<commit>`; where there is no git, `<version>-<digest of the files>`. Raises Refused when files that
    git knows were changed: what runs must be what somebody can look up."""
    if not (checkout / ".git").exists():
        digest = hashlib.sha256()
        for path in _files(checkout):
            digest.update(f"{path.relative_to(checkout)}\0".encode() + path.read_bytes())
        return f"{version_of(checkout)}-{digest.hexdigest()[:10]}"
    if changed := _git(checkout, "status", "--porcelain", "--untracked-files=no").strip():
        raise Refused(f"{checkout} has changes that are not committed: {changed.splitlines()[0]}. Commit or undo them.")
    return f"{version_of(checkout)}-{_git(checkout, 'rev-parse', '--short=10', 'HEAD').strip()}"


def is_built(release: Path) -> bool:
    return (release / BUILT).is_file()


def current(host: Host) -> Path | None:
    """The release that the link leads to."""
    return _led_to(host.current)


def previous(host: Host) -> Path | None:
    """The one that was there before it, while it is still here."""
    found = _led_to(host.previous)
    return found if found is not None and is_built(found) else None


def build(checkout: Path, host: Host, name: str) -> Path:
    """A release of that name, with its environment, static files and bytecode; one that is there already is taken as it
    is, one that was cut off is made anew. Raises RolloutError."""
    release = host.releases / name
    if is_built(release):
        return release
    shutil.rmtree(release, ignore_errors=True)
    release.mkdir(parents=True)
    _copy(checkout, release)
    environment = host.home / "venvs" / environment_name(release)
    environment.mkdir(parents=True, exist_ok=True)
    (release / ".venv").symlink_to(os.path.relpath(environment, release))
    _run(release, "the environment could not be made", "bin/python", "--version")
    _collect(release, current(host))
    _run(release, "it could not be compiled", "bin/python", "-m", "compileall", "-q",
         "-x", r"/(\.venv|tests|bench)/", ".")
    _let_read(release)
    text = json.dumps({"version": version_of(release), "environment": environment.name})
    (release / f".{BUILT}").write_text(text)
    (release / f".{BUILT}").replace(release / BUILT)
    return release


def switch(host: Host, release: Path) -> None:
    """Make it the current one, in one moment; the one that was so is the previous one."""
    old = current(host)
    if old == release:
        return
    if old is not None:
        _link(host.previous, old)
    _link(host.current, release)


def prune(host: Host, keep: int, used: set[Path]) -> list[str]:
    """Remove all but the newest `keep`, the current and the previous one and those in use; and environments that no
    release has. The names of those removed."""
    used = used | {one for one in (current(host), previous(host)) if one is not None}
    found = sorted((one for one in host.releases.iterdir() if one.is_dir()), key=lambda one: one.stat().st_mtime)
    gone = [one for one in found[:-keep] if one not in used]
    for one in gone:
        shutil.rmtree(one)
    needed = {(one / ".venv").resolve() for one in host.releases.iterdir()}
    for environment in (host.home / "venvs").iterdir():
        if environment.resolve() not in needed:
            shutil.rmtree(environment)
    return [one.name for one in gone]


def _led_to(link: Path) -> Path | None:
    return link.resolve() if link.is_symlink() and link.exists() else None


def _link(link: Path, target: Path) -> None:
    new = link.with_name(f".{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(os.path.relpath(target, link.parent))
    new.replace(link)


def _copy(checkout: Path, release: Path) -> None:
    if (checkout / ".git").exists():
        with tempfile.TemporaryFile() as archive:
            done = subprocess.run([*_git_command(checkout), "archive", "HEAD"], stdout=archive, stderr=subprocess.PIPE,
                                  text=True, check=False)
            if done.returncode:
                raise RolloutError(f"git archive: {done.stderr.strip()}")
            archive.seek(0)
            subprocess.run(["tar", "-x", "-C", release], stdin=archive, check=True)
        return
    for path in _files(checkout):
        target = release / path.relative_to(checkout)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)


def _files(checkout: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(checkout):
        folders[:] = sorted(set(folders) - LEFT_OUT)
        yield from (Path(folder) / name for name in sorted(files) if name not in LEFT_OUT and not name.endswith(".pyc"))


def environment_name(release: Path) -> str:
    """Of the folder of the environment that it needs: releases with the same requirements share one."""
    python = f"{sys.version} {sys.base_prefix}".encode()
    return hashlib.sha256(python + (release / "requirements.txt").read_bytes()).hexdigest()[:12]


def _collect(release: Path, before: Path | None) -> None:
    """Its static files; and those of the release before, which pages that are open then still ask for."""
    folder = release / "collected"
    folder.mkdir()
    _run(release, "the static files could not be collected", "bin/manage", "collectstatic", "--no-input", "-v", "0")
    try:
        names = json.loads((before / "collected" / "staticfiles.json").read_text())["paths"].values() if before else ()
    except (OSError, ValueError, KeyError):
        return
    for name in names:
        for file in (name, f"{name}.gz"):
            source, target = before / "collected" / file, folder / file
            if source.is_file() and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(source, target)


def _let_read(release: Path) -> None:
    """Who runs Hub reads all of it, whatever the umask of who builds; there is no secret in it."""
    for folder, _, files in os.walk(release):
        os.chmod(folder, 0o755)
        for path in (Path(folder, name) for name in files):
            if not path.is_symlink() and not path.stat().st_mode & 0o004:
                path.chmod(path.stat().st_mode | 0o044)


def _run(release: Path, failure: str, *command: str) -> None:
    """In an environment of its own: a build needs nothing of the Hub that runs."""
    with tempfile.TemporaryDirectory(prefix="hub-build-") as data:
        handed_on = {name: text for name, text in os.environ.items() if HANDED_ON.match(name)}
        environ = {**handed_on, "PATH": PATH, "LANG": "C.UTF-8", "HOME": data, "HUB_DATA": data}
        done = subprocess.run([release / command[0], *command[1:]], cwd=release, env=environ, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=BUILD_WITHIN, umask=0o022, check=False)
    if done.returncode:
        raise RolloutError(f"{failure}: {last_line(done)}")


def _git(checkout: Path, *words: str) -> str:
    done = subprocess.run([*_git_command(checkout), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout


def _git_command(checkout: Path) -> list[str]:
    # Root deploys what somebody else has cloned.
    return ["git", "-c", f"safe.directory={checkout}", "-C", str(checkout)]
