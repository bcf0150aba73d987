"""A machine that can be lost: systemd is its process 1, and it has a network of its own. Its disk is a layer in memory
over this machine's, of which it changes nothing. The power can be cut, and it starts again with what its disk has."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.env import ROOT
from hub.rollout import releases
from hub.rollout.host import PATH

SYSTEMD = Path("/lib/systemd/systemd")
UNITS = Path("/usr/local/lib/machine")
TARGETS = ("sysinit", "basic", "multi-user", "shutdown", "network", "network-online", "sockets", "timers", "paths",
           "slices")
BORROWED = ("dbus.service", "dbus.socket")
LOG = "/var/log/services.log"
DISK = """
set -e
mount --make-rprivate /
mount -t tmpfs -o size=3g,mode=0755 tmpfs "$1"
cd "$1"
mkdir disk work root
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/disk,workdir=$1/work" root
shift
for path in "$@"; do
    [ -e "root$path" ] || { mkdir -p "root$path"; mount --rbind "$path" "root$path"; }
done
ip link set lo up
echo ready
exec sleep infinity
"""
BOOT = """
set -e
cd "$1/root"
mount --bind . .
cd "$1/root"
mount -t proc proc proc
mount --rbind /dev dev
mount --rbind /sys sys
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs tmpfs sys/fs/cgroup
if [ -d /sys/fs/cgroup/systemd ]; then
    mkdir sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
else
    mount -t cgroup2 cgroup sys/fs/cgroup
fi
echo "$2" > run/boot_id
mount --bind run/boot_id proc/sys/kernel/random/boot_id
pivot_root . mnt
umount -l /mnt
cd /
exec env -i PATH="$3" container=hub SYSTEMD_UNIT_PATH="/etc/systemd/system:$4" SYSTEMD_LOG_TARGET=console \
    /lib/systemd/systemd --system --unit=multi-user.target --show-status=0
"""


class Machine:
    """Started by `boot`; every path is one of its own. Use as a context."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.console = folder.with_suffix(".console")
        self._cgroup = cgroup_home() / f"hub-machine-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._hardware: subprocess.Popen | None = None
        self._power: subprocess.Popen | None = None
        self.pid = 0

    def __enter__(self) -> Machine:
        needed = [str(path) for path in (ROOT, Path(sys.prefix), Path(sys.base_prefix))]
        with self.console.open("wb") as log:
            self._hardware = subprocess.Popen(
                ["unshare", "--mount", "--net", "--uts", "setpriv", "--pdeathsig", "KILL", "sh", "-c", DISK, "disk",
                 str(self.folder), *needed], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        if self._hardware.stdout.readline() != b"ready\n":
            self.__exit__()
            # No part is missing that could be installed: the kernel, or who made this container, forbids it.
            pytest.xfail(f"A machine of its own is not allowed here: {self.console.read_text().strip()}")
        self._furnish()
        return self

    def __exit__(self, *exception: Any) -> None:
        self.cut_power()
        if self._hardware is not None:
            self._hardware.kill()
            self._hardware.wait()
            self._hardware.stdout.close()
        for folder, _, _ in os.walk(self._cgroup, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)

    def boot(self) -> None:
        """Turn it on, and wait until systemd answers."""
        self._cgroup.mkdir(exist_ok=True)

        def join() -> None:
            os.umask(0o022)
            (self._cgroup / "cgroup.procs").write_text(str(os.getpid()))

        with self.console.open("ab") as log:
            self._power = subprocess.Popen(
                # It goes with whoever turned it on, however that ends.
                ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--target={self._hardware.pid}", "--mount", "--net",
                 "--uts", "unshare", "--fork", "--kill-child", "--pid", "--mount", "--ipc", "--cgroup",
                 "sh", "-c", BOOT, "boot", str(self.folder), str(uuid.uuid4()), PATH, str(UNITS)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=join)
        children = Path(f"/proc/{self._power.pid}/task/{self._power.pid}/children")
        self.until(children.read_text, 30, "it does not start")
        self.pid = int(children.read_text().split()[0])
        self.until(self._answers, 60, "systemd does not answer")

    def cut_power(self) -> None:
        """Every process of it is gone at once, as by kill -9."""
        if self._power is None:
            return
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self._power.kill()
        self._power.wait()
        self._power, self.pid = None, 0

    def run(self, command: str, *, check: bool = True, timeout: float = 300) -> subprocess.CompletedProcess:
        """Run a line of shell as root in it."""
        done = subprocess.run(self.inside("sh", "-ec", f"umask 022; {command}"), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout, check=False)
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}\n{self.said()}"
        return done

    def begin(self, *command: str, **options: Any) -> subprocess.Popen:
        """Start a program as root in it."""
        return subprocess.Popen(self.inside(*command), **options)

    def inside(self, *command: str) -> list[str]:
        return ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup",
                "env", "-i", f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8", *command]

    def path(self, place: str) -> Path:
        """A file of it, as seen from here, while it is on."""
        return Path(f"/proc/{self.pid}/root") / place.lstrip("/")

    def said(self) -> str:
        """What its services and systemd said last."""
        log = self.path(LOG)
        services = log.read_text(errors="replace")[-4000:] if self.pid and log.exists() else ""
        return f"{self.console.read_text(errors='replace')[-2000:]}\n{services}"

    def until(self, fact: Callable[[], Any], seconds: float, what: str) -> Any:
        """Poll until it holds; fails with what was said."""
        deadline = time.monotonic() + seconds
        while not (value := fact()):
            assert time.monotonic() < deadline, f"{what}; {self.said()}"
            time.sleep(0.1)
        return value

    def lend_environment(self, checkout: str, home: str = "/opt/hub") -> None:
        """What `bin/python` would install from a package index: this environment, under the place of a release's."""
        environment = f"{home}/venvs/{releases.environment_name(ROOT)}"
        self.run(f"install -d {environment}/bin && cp /usr/local/sbin/python3 {environment}/bin/python")
        code = ("import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; "
                "from hub.launch.virtualenv import vouch; "
                "vouch(Path(sys.argv[2]), Path(sys.argv[1], 'requirements.txt'))")
        self.run(f'python3 -I -c "{code}" {checkout} {environment}')

    def _answers(self) -> bool:
        assert self._power.poll() is None, self.said()
        done = self.run("systemctl is-system-running", check=False)
        return done.stdout.strip() in ("running", "degraded")

    def _furnish(self) -> None:
        """Units, and this Python as that of the machine, which any user may run."""
        root = Path(f"/proc/{self._hardware.pid}/root") / str(self.folder).lstrip("/") / "root"
        units = root / str(UNITS).lstrip("/")
        units.mkdir(parents=True)
        for name in TARGETS:
            (units / f"{name}.target").write_text(f"[Unit]\nDescription={name}\nDefaultDependencies=no\n")
        for name in BORROWED:
            if (found := Path("/lib/systemd/system") / name).exists():
                (units / name).write_text(found.read_text())
        own = root / "etc/systemd/system"
        for path in sorted(own.rglob("*"), reverse=True) if own.exists() else ():
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        (own / "service.d").mkdir(parents=True)
        (own / "service.d/log.conf").write_text(f"[Service]\nStandardOutput=append:{LOG}\nStandardError=append:{LOG}\n")
        (own / "multi-user.target.wants").mkdir()
        for name in ("dbus.socket", "dbus.service"):  # systemd-run speaks with systemd by it
            (own / "multi-user.target.wants" / name).symlink_to(UNITS / name)
        # Who is shown /proc/sys by another mount has to see which boot this is, too.
        (own / "hub-web.service.d").mkdir()
        (own / "hub-web.service.d/boot.conf").write_text(
            "[Service]\nBindReadOnlyPaths=/run/boot_id:/proc/sys/kernel/random/boot_id\n")
        python = root / "usr/local/sbin/python3"
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
        for place in (ROOT, Path(sys.executable), Path(sys.base_prefix), Path(os.path.realpath(sys.executable))):
            for folder in (place, *place.parents):
                inner = root / str(folder).lstrip("/")
                if inner.exists() and not inner.is_symlink() and inner.is_dir() and not inner.stat().st_mode & 0o005:
                    inner.chmod(inner.stat().st_mode | 0o055)


def cgroup_home() -> Path:
    """Where a group of processes can be made that systemd may have for itself."""
    v1 = Path("/sys/fs/cgroup/systemd")
    return v1 if v1.is_dir() else Path("/sys/fs/cgroup")


def skip_unless_allowed() -> None:
    """Skip where it cannot be had, with a line that says what is wanting."""
    if os.getuid() != 0:
        pytest.skip("A machine of its own needs root.")
    for program, package in {str(SYSTEMD): "systemd", "dbus-daemon": "dbus", "ip": "iproute2", "git": "git"}.items():
        if shutil.which(program) is None:
            pytest.skip(f"{program} was not found (Debian: apt-get install {package}).")
    if not os.access(cgroup_home(), os.W_OK):
        pytest.xfail("Groups of processes cannot be made here.")
