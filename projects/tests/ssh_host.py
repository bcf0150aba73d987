"""A host that is reached by ssh: a real SSH server in this process, whose only command is Docker's way in."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import paramiko

USER = "hub"


class SshHost:
    """Use it as a context. `path` is a folder to put first in PATH: its `ssh` is the real one, with a key and without
    the settings of whoever runs the tests. `asked` are the commands that came."""

    def __init__(self, folder: Path, variables: dict[str, str]):
        self.variables, self.asked = {**os.environ, **variables}, []
        self.key, self.host_key = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
        self.path = folder / "bin"
        self.path.mkdir(parents=True)
        self.key.write_private_key_file(str(folder / "key"))
        (folder / "config").write_text(
            f"Host *\n  IdentityFile {folder}/key\n  IdentitiesOnly yes\n  IdentityAgent none\n  BatchMode yes\n"
            "  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n"
        )
        (self.path / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/config "$@"\n')
        (self.path / "ssh").chmod(0o755)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.transports: list[paramiko.Transport] = []

    @property
    def address(self) -> str:
        return f"ssh://{USER}@127.0.0.1:{self.listener.getsockname()[1]}"

    def __enter__(self) -> SshHost:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for transport in self.transports:
            transport.close()

    def cut(self) -> None:
        """End every connection that there is."""
        for transport in self.transports:
            transport.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:  # closed: the test has ended
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.host_key)
            self.transports.append(transport)
            try:
                transport.start_server(server=_Session(self))
            except paramiko.SSHException:
                transport.close()


class _Session(paramiko.ServerInterface):
    def __init__(self, host: SshHost):
        self.host = host

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        known = username == USER and key == self.host.key
        return paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.host.asked.append(command.decode())
        threading.Thread(target=self._run, args=(channel, command.decode()), daemon=True).start()
        return True

    def _run(self, channel: paramiko.Channel, command: str) -> None:
        with subprocess.Popen(["sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, env=self.host.variables) as process:
            threading.Thread(target=_feed, args=(channel, process.stdin), daemon=True).start()
            try:
                while data := os.read(process.stdout.fileno(), 65536):
                    channel.sendall(data)
                channel.send_exit_status(process.wait())
            except (OSError, EOFError):  # the other side has gone
                process.kill()
        with contextlib.suppress(OSError, EOFError):
            channel.close()


def _feed(channel: paramiko.Channel, target) -> None:
    with contextlib.suppress(OSError, EOFError), target:  # whichever side has gone
        while data := channel.recv(65536):
            target.write(data)
            target.flush()
