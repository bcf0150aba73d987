"""A registry of the tests' own: it speaks as much of the registry API as a pull needs, and can pause in a layer.

Docker takes one on 127.0.0.1 without TLS.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import shutil
import subprocess
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
BLOCK = 64 * 1024


class Registry:
    """Use it as a context. `gate`: while it is not set, a layer stops in its middle. `broken`: digests of blobs that
    the registry has lost. `asked` are the paths that were asked for."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], str] = {}
        self.gate, self.broken, self.asked = threading.Event(), set(), []
        self.gate.set()
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                registry.answer(self)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                """Nothing: what was asked is kept."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Registry:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(5)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    def image(self, name: str, *, weight: int = 4_000_000) -> str:
        """Make an image of busybox and of a second layer of about `weight` bytes; what to pull it by. `name` is
        `repository:tag`. No two are alike, so Docker never has a layer already."""
        seed = random.randbytes(16)
        layers = [_layer({"bin/busybox": Path(shutil.which("busybox")).read_bytes(), "etc/of": seed}, links=_applets()),
                  _layer({"weight": seed + random.randbytes(weight)})]
        config = {
            "architecture": _architecture(), "os": "linux", "config": {"Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer) for layer in layers]}, "history": [],
        }
        packed = [self._keep(gzip.compress(layer, 1, mtime=0)) for layer in layers]
        kept = self._keep(json.dumps(config).encode())
        manifest = {
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "size": len(self.blobs[kept]), "digest": kept},
            "layers": [{"mediaType": LAYER, "size": len(self.blobs[one]), "digest": one} for one in packed],
        }
        repository, _, tag = name.partition(":")
        self.manifests[repository, tag] = self._keep(json.dumps(manifest).encode())
        return f"{self.address}/{name}"

    def layers_of(self, name: str) -> dict[str, int]:
        """The digests of an image's layers, and how many bytes are sent for each."""
        repository, _, tag = name.partition(":")
        manifest = json.loads(self.blobs[self.manifests[repository, tag]])
        return {one["digest"]: one["size"] for one in manifest["layers"]}

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        words = request.path.strip("/").split("/")
        if words == ["v2"]:
            return self._send(request, 200, b"{}", "application/json")
        repository, kind, reference = "/".join(words[1:-2]), words[-2], words[-1]
        digest = self.manifests.get((repository, reference), reference)
        if digest not in self.blobs or digest in self.broken:
            code = "MANIFEST_UNKNOWN" if kind == "manifests" else "BLOB_UNKNOWN"
            said = {"errors": [{"code": code, "message": f"{reference[:40]} is not known here"}]}
            return self._send(request, 404, json.dumps(said).encode(), "application/json")
        return self._send(request, 200, self.blobs[digest], MANIFEST if kind == "manifests" else LAYER, digest)

    def _send(self, request: BaseHTTPRequestHandler, status: int, body: bytes, kind: str, digest: str = "") -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        if digest:
            request.send_header("Docker-Content-Digest", digest)
        request.end_headers()
        if request.command == "HEAD":
            return
        half = len(body) // 2 if len(body) > 10 * BLOCK else len(body)
        request.wfile.write(body[:half])
        request.wfile.flush()
        if half < len(body) and self.gate.wait(20):
            request.wfile.write(body[half:])

    def _keep(self, blob: bytes) -> str:
        self.blobs[_digest(blob)] = blob
        return _digest(blob)


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _layer(files: dict[str, bytes], links: tuple[str, ...] = ()) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
        for name in links:
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(entry)
    return packed.getvalue()


def _applets() -> tuple[str, ...]:
    said = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout
    return tuple(name for name in said.split() if name != "busybox")


def _architecture() -> str:
    """As Docker names that of this machine."""
    machine = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
