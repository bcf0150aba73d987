"""Hub behind nginx and behind Caddy, with the files of `deploy/`: TLS, who asked, streams as they come."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hub.tests.system.running_hub import REPOSITORY, RunningHub
from projects.tests.port_slice import claimed, free_port

NAME = "hub.example.org"
INSTALL = {"nginx": "nginx-light", "caddy": "caddy"}
# Whoever the tests say that they are; documentation networks, which nobody has.
# On this host, but none of its proxies.
VISITOR_HERE = "127.0.0.2"
VISITOR, FORGED = "203.0.113.7", "198.51.100.66"


@dataclass
class Proxy:
    """A proxy on a port of its own, spoken to by TLS under the name of the Hub."""

    port: int
    trust: ssl.SSLContext

    def connect(self) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), 15, source_address=(VISITOR_HERE, 0))
        return self.trust.wrap_socket(plain, server_hostname=NAME)

    def open(self, method: str, path: str, body: bytes | None = None, **headers: str) -> http.client.HTTPResponse:
        asking = http.client.HTTPSConnection(NAME, self.port, timeout=15, context=self.trust)
        asking.sock = self.connect()
        named = {key.replace("_", "-"): text for key, text in headers.items()}
        asking.request(method, path, body, {"Host": NAME, **named})
        return asking.getresponse()


@pytest.fixture(scope="module")
def hub() -> Iterator[RunningHub]:
    with tempfile.TemporaryDirectory(prefix="hub-proxy-") as scratch:
        data, root = Path(scratch).resolve() / "data", Path(scratch).resolve() / "projects"
        data.mkdir(mode=0o700)
        root.mkdir()
        ports = claimed()
        running = RunningHub(data, root, ports.free(), ports.hub, extra={
            "HUB_TRUSTED_PROXIES": "127.0.0.1/32", "HUB_SECURE_COOKIES": "1", "HUB_ALLOWED_HOSTS": NAME,
            "HUB_WORKERS": "1"})
        try:
            running.up()
            yield running
        finally:
            running.down()


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxy(request: pytest.FixtureRequest, hub: RunningHub) -> Iterator[Proxy]:
    program = shutil.which(request.param) or shutil.which(request.param, path="/usr/sbin")
    if program is None:
        pytest.skip(f"{request.param} was not found (Debian: apt-get install {INSTALL[request.param]}).")
    with tempfile.TemporaryDirectory(prefix="hub-proxy-") as name:
        folder, port = Path(name), free_port()
        certificate(folder)
        command = nginx(folder, port, hub.port) if request.param == "nginx" else caddy(folder, port, hub.port)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([program, *command], stdout=log, stderr=log, cwd=folder, env={
                **os.environ, "HOME": name, "XDG_DATA_HOME": name, "XDG_CONFIG_HOME": name})
        trust = ssl.create_default_context(cafile=folder / "fullchain.pem")
        try:
            hub.until(lambda: answers(port, process), 20, (folder / "log").read_text())
            yield Proxy(port, trust)
        finally:
            process.kill()  # asked politely, Caddy would wait for the streams to end
            process.wait(20)


def certificate(folder: Path) -> None:
    """One for the name, signed by itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def nginx(folder: Path, port: int, hub: int) -> list[str]:
    """The file of `deploy/` within the least that nginx needs around it, on other ports."""
    text = (REPOSITORY / "deploy" / "nginx" / "hub.conf").read_text()
    text = replaced(text, {"listen 80;": f"listen 127.0.0.1:{free_port()};", "    listen [::]:80;\n": "",
                           "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;", "    listen [::]:443 ssl;\n": "",
                           "/etc/ssl/hub": str(folder), "127.0.0.1:9000": f"127.0.0.1:{hub}"})
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    around = f"daemon off; pid {folder}/pid; error_log stderr;{' user root;' * (os.getuid() == 0)} events {{}}"
    (folder / "nginx.conf").write_text(f"{around} http {{ access_log off; {places}\n{text}\n}}")
    return ["-p", str(folder), "-c", str(folder / "nginx.conf")]


def caddy(folder: Path, port: int, hub: int) -> list[str]:
    text = (REPOSITORY / "deploy" / "caddy" / "Caddyfile").read_text()
    site = f"\nhttps://{NAME}:{port} {{\n\ttls {folder}/fullchain.pem {folder}/privkey.pem\n\tbind 127.0.0.1"
    text = replaced(text, {f"\n{NAME} {{": site, "127.0.0.1:9000": f"127.0.0.1:{hub}"})
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + text)
    return ["run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def replaced(text: str, pairs: dict[str, str]) -> str:
    for old, new in pairs.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def answers(port: int, process: subprocess.Popen) -> bool:
    assert process.poll() is None
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_pages_come_by_tls_with_cookies_that_go_nowhere_else(proxy: Proxy):
    answer = proxy.open("GET", "/sign-in/")
    assert answer.status == 200 and "Sign in" in answer.read().decode()
    assert "Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")


def test_who_asked_is_known_and_cannot_be_forged(proxy: Proxy, hub: RunningHub):
    key = hub.manage("apikey", "create", f"asker-{proxy.port}", "--role", "operator").split()[-1]
    body = json.dumps({"subject": f"hub.{hub_id(hub)}.shop.opened", "payload": {"by": proxy.port}}).encode()
    answer = proxy.open("POST", "/api/events", body, Authorization=f"Bearer {key}", Content_Type="application/json",
                        X_Forwarded_For=FORGED)
    event = json.loads(answer.read())
    assert answer.status == 201, event
    # Straight to Hub, as the proxy of a visitor would: that one is believed, what stands before it is not.
    headers = {"X-Forwarded-For": f"{FORGED}, {VISITOR}", "Authorization": f"Bearer {key}"}
    assert hub.call("POST", "/api/events", json.loads(body), headers).status == 201
    listed = hub.manage("shell", "--no-imports", "-c", "from events.models import Event; print(*Event.objects.filter("
                        "subject__endswith='.shop.opened').values_list('address', flat=True))").split()
    assert set(listed) == {VISITOR_HERE, VISITOR}


def test_streams_come_as_they_happen(proxy: Proxy, hub: RunningHub):
    subject = f"hub.{hub_id(hub)}.shop.tick"
    path = f"/api/events/stream?subject={subject}"
    answer = proxy.open("GET", path, Authorization=f"Bearer {hub.key}", Accept="text/event-stream")
    assert answer.status == 200
    said = hub.post("/api/events", {"subject": subject, "payload": {"tick": proxy.port}})
    assert said.status == 201
    while not (line := answer.readline()).startswith(b"data:"):
        assert line, "the stream ended"
    assert json.loads(line[5:])["payload"] == {"tick": proxy.port}
    answer.close()


def test_websockets_pass(proxy: Proxy, hub: RunningHub):
    subject = f"hub.{hub_id(hub)}.shop.tock"
    with proxy.connect() as talk:
        talk.sendall(
            f"GET /api/events/stream?subject={subject} HTTP/1.1\r\nHost: {NAME}\r\nAuthorization: Bearer {hub.key}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n\r\n".encode())
        heard = until(talk, b"\r\n\r\n")
        assert heard.startswith(b"HTTP/1.1 101")
        assert hub.post("/api/events", {"subject": subject, "payload": {"tock": proxy.port}}).status == 201
        until(talk, f'"tock":{proxy.port}'.encode())


def until(talk: ssl.SSLSocket, sign: bytes) -> bytes:
    """What is heard until the sign has come; spaces are left out."""
    heard = b""
    while sign not in heard:
        more = talk.recv(4096)
        assert more, heard
        heard += more.replace(b": ", b":")
    return heard


def test_what_is_too_large_is_refused_and_the_next_answered(proxy: Proxy, hub: RunningHub):
    answer = proxy.open("POST", "/api/events", b"x" * 3_000_000, Authorization=f"Bearer {hub.key}",
                        Content_Type="application/json")
    assert answer.status == 413
    assert proxy.open("GET", "/health").status == 200


def hub_id(hub: RunningHub) -> str:
    return (hub.data / "hub_id").read_text().strip()


@pytest.mark.parametrize("unit", sorted((REPOSITORY / "deploy" / "systemd").iterdir()), ids=lambda path: path.name)
def test_units_are_what_systemd_understands(unit: Path, tmp_path: Path):
    """All of them in one folder, as they name each other, with programs that are here."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze was not found (Debian: apt-get install systemd).")
    for other in unit.parent.iterdir():
        text = re.sub(r"/opt/hub/current/bin/\w+", shutil.which("true"), other.read_text())
        text = text.replace("User=hub", "User=root")
        (tmp_path / other.name).write_text(text)
    named = tmp_path / unit.name.replace("@.", "@1.")
    if "@" in unit.name:
        named.write_text((tmp_path / unit.name).read_text())
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(named)],
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
