"""A real Docker Engine of the tests' own: its data, socket and network are thrown away with it.

`.ci/docker` installs what it needs. Nothing here touches a Docker that this machine may run otherwise.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from projects.tests import certificates
from projects.tests.port_slice import free_port

BUSYBOX = "hub-test/busybox:1"
"""The image from which the tests' stacks are made: a shell, httpd, nc, wget; no registry is asked."""

PARTS = ("dockerd", "docker", "busybox", "iptables", "ip", "setpriv")
START_SECONDS = 30
STOP_SECONDS = 30


def plugins() -> Path:
    """The folder in which `.ci/docker` put the Compose plugin."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hub-docker"


def missing() -> str:
    """What keeps a Docker Engine from being started here, as one sentence; empty when nothing does."""
    if os.geteuid() != 0:
        return "Only root can start a Docker Engine for the tests."
    absent = [part for part in PARTS if shutil.which(part) is None]
    if absent or not (plugins() / "cli-plugins" / "docker-compose").exists():
        return f"Docker is not here ({', '.join(absent) or 'docker compose'}): run .ci/docker as root."
    return ""


class DockerEngine:
    """One `dockerd`. `variables` are what a process needs in its environment to use it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.socket = folder / "docker.sock"
        self.process: subprocess.Popen | None = None
        # Several may run on one machine: networks and the bridge are named and numbered by this process.
        self.number = os.getpid() % 200
        self.bridge = f"hubt{os.getpid()}"[:15]
        self.pidfile = folder / "dockerd.pid"
        # By TCP it takes those alone who show a certificate of its authority: `certificates/client`.
        self.certificates = folder / "certificates"
        certificates.make(self.certificates)
        self.tls_port = free_port()
        self.addresses = f"10.{self.number + 20}.128.0/17"
        # What containers say to each other passes, whatever this machine's firewall forwards else.
        self.rule = ["FORWARD", "-s", self.addresses, "-d", self.addresses, "-j", "ACCEPT"]

    @property
    def variables(self) -> dict[str, str]:
        return {"DOCKER_HOST": f"unix://{self.socket}", "DOCKER_CONFIG": str(plugins())}

    @property
    def pid(self) -> int:
        return int(self.pidfile.read_text())

    def client(self) -> docker.DockerClient:
        return docker.DockerClient(base_url=f"unix://{self.socket}", timeout=60)

    def start(self) -> None:
        """Start it, also again after `stop` or `kill`; returns when it answers."""
        self._bridge_up()
        self.pidfile.unlink(missing_ok=True)
        (self.folder / "daemon.json").write_text("{}")
        namespace, own = f"hub-test-{os.getpid()}", self.certificates / "server"
        arguments = [
            # It ends with the tests, also when those are killed.
            "setpriv", "--pdeathsig", "TERM", "dockerd",
            "--config-file", str(self.folder / "daemon.json"), "--data-root", str(self.folder / "data"),
            "--exec-root", str(self.folder / "exec"), "--pidfile", str(self.pidfile),
            "--host", f"unix://{self.socket}", "--bridge", self.bridge,
            "--host", f"tcp://127.0.0.1:{self.tls_port}", "--tlsverify",
            "--tlscacert", str(own / "ca.pem"), "--tlscert", str(own / "cert.pem"), "--tlskey", str(own / "key.pem"),
            # It leaves this machine's firewall alone: ports are published by docker-proxy.
            "--iptables=false", "--ip6tables=false", "--ip-masq=false",
            "--default-address-pool", f"base={self.addresses},size=26",
            "--containerd-namespace", namespace, "--containerd-plugins-namespace", f"{namespace}-plugins",
            "--shutdown-timeout", "2", "--log-level", "warn",
        ]  # fmt: skip
        with (self.folder / "dockerd.log").open("ab") as log:
            self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"dockerd did not start:\n{(self.folder / 'dockerd.log').read_text()[-3000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it in order; its containers end with it."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def close(self) -> None:
        """End it and remove everything that it made."""
        if self.process and self.process.poll() is None:
            client = self.client()
            for container in client.containers.list(all=True):
                container.remove(force=True, v=True)
            for network in client.networks.list():
                if network.name not in ("bridge", "host", "none"):
                    network.remove()
            client.close()
        self.stop()
        subprocess.run(["ip", "link", "delete", self.bridge], check=False, capture_output=True)
        subprocess.run(["iptables", "--delete", *self.rule], check=False, capture_output=True)
        for line in Path("/proc/self/mounts").read_text().splitlines():
            if (place := line.split()[1]).startswith(f"{self.folder}/"):
                subprocess.run(["umount", "--lazy", place], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def make_image(self, name: str = BUSYBOX) -> None:
        """Import busybox, with all its programs in /bin, as an image of that name. It takes a moment."""
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            tree = Path(scratch)
            for place in ("bin", "tmp", "www", "etc"):
                (tree / place).mkdir()
            shutil.copy2(shutil.which("busybox"), tree / "bin" / "busybox")
            applets = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
            for applet in applets:
                if applet != "busybox":
                    (tree / "bin" / applet).symlink_to("busybox")
            packed = subprocess.Popen(["tar", "-C", scratch, "-c", "."], stdout=subprocess.PIPE)
            subprocess.run(["docker", "import", "-", name], stdin=packed.stdout, check=True, capture_output=True,
                           env={**os.environ, **self.variables})
            packed.wait()

    def _answers(self) -> bool:
        try:
            client = self.client()
        except docker.errors.DockerException:  # it does not listen yet
            return False
        try:
            return bool(client.ping())
        except docker.errors.APIError:
            return False
        finally:
            client.close()

    def _bridge_up(self) -> None:
        seen = subprocess.run(["ip", "-json", "link", "show", self.bridge], capture_output=True, text=True)
        if seen.returncode == 0 and json.loads(seen.stdout):
            return
        for command in (
            ["ip", "link", "add", self.bridge, "type", "bridge"],
            ["ip", "address", "add", f"10.{self.number + 20}.1.1/24", "dev", self.bridge],
            ["ip", "link", "set", self.bridge, "up"],
            ["iptables", "--insert", *self.rule],
        ):
            subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[DockerEngine]:
    """The session's Docker Engine, with the image BUSYBOX; what is started by the tests finds it by the environment.

    A test that stops it must start it again. Mark its users `xdist_group("docker")`: then there is only one.
    """
    if reason := missing():
        pytest.skip(reason)
    engine = DockerEngine(Path(tempfile.mkdtemp(prefix="hub-docker-")))
    before = {name: os.environ.get(name) for name in engine.variables}
    try:
        engine.start()
        engine.make_image()
        os.environ.update(engine.variables)
        yield engine
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
        engine.close()
