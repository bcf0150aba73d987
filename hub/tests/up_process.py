"""`manage.py up`, seen as what it is to its machine: a process with children, a log and an end."""

from __future__ import annotations

import http.client
import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import psutil


@dataclass
class UpProcess:
    """`manage.py up` as a process with children, in a data folder of its own: what it prints and what it leaves."""

    data: Path
    port: int
    log: Path
    process: subprocess.Popen
    seen: set[psutil.Process] = field(default_factory=set)

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def owner(self) -> int | None:
        """The pid of the Hub that says it owns the data folder."""
        return self._lock().get("pid")

    def children(self) -> dict[str, int]:
        return self._lock().get("children", {})

    def _lock(self) -> dict:
        try:
            return json.loads((self.data / "hub.lock").read_text())
        except (FileNotFoundError, ValueError):  # not yet there, or being written
            return {}

    def get(self, path: str, timeout: float = 10.0) -> tuple[int, dict]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, json.loads(body) if "json" in answer.getheader("Content-Type", "") else {}
        finally:
            connection.close()

    def is_healthy(self) -> bool:
        try:
            return self.get("/health")[1].get("status") == "ok"
        except OSError:
            return False

    def look(self) -> set[psutil.Process]:
        """Every process that belongs to it now; all that were ever seen are kept in `seen`."""
        try:
            self.seen |= {psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)}
        except psutil.NoSuchProcess:
            return set()
        return self.seen

    def left(self) -> list[psutil.Process]:
        """What lives of all that was seen of it, and of all that runs with its data folder."""
        marked = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("HUB_DATA") == str(self.data):
                    marked.append(process)
            except psutil.Error:
                continue
        alive = {process for process in {*self.seen, *marked} if process.is_running()}
        return [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]

    def wait(self, timeout: float) -> int:
        return self.process.wait(timeout)
