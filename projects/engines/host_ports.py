"""Ports of this host: a real bind says whether one is free, /proc says who has it."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass

# States in /proc/net/tcp: of a listener; of a connection that is over, which the kernel keeps for at most a minute.
LISTENING = "0A"
FADING = {"04", "05", "06", "07", "08", "09", "0B"}


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a port. `pid` is None when it cannot be seen (another user's process)."""

    port: int
    pid: int | None = None
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})" if self.pid else "a process of another user"


def is_free(port: int, protocol: str = "tcp") -> bool:
    """Whether a server could take the port now, by a real bind on IPv4 and IPv6, on every address.

    SO_REUSEADDR lets connections in TIME_WAIT pass, as servers do; a listener still stands in the way.
    """
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            probe = socket.socket(family, kind)
        except OSError:  # this host has no IPv6
            continue
        with probe:
            if protocol == "tcp":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    continue
                return False
    return True


def holder(port: int) -> str:
    """`python3 (pid 123)`: who holds a TCP port, as a sentence names it; empty when nobody does."""
    found = holders({port: "tcp"}).get(port)
    return str(found) if found else ""


def holders(ports: dict[int, str]) -> dict[int, Holder]:
    """Of these ports (number → protocol) those that are held, and by whom.

    A port that only waits for connections that are over is not held: the kernel gives it back by itself.
    """
    taken = {port for port, protocol in ports.items() if not is_free(port, protocol)}
    if not taken:
        return {}
    inodes: dict[str, int] = {}
    fading = set()
    for port, inode, state in _sockets():
        if port in taken:
            if inode != "0":
                inodes[inode] = port
            elif state in FADING:
                fading.add(port)
    owners = _owners(inodes)
    taken = {port for port in taken if port in owners or port in inodes.values() or port not in fading}
    return {port: owners.get(port, Holder(port)) for port in sorted(taken)}


def listening(pids: set[int]) -> list[int]:
    """The TCP ports on which these processes listen, lowest first."""
    ports = {inode: port for port, inode, state in _sockets() if state == LISTENING}
    links = {link for pid in pids for link in _open_files(pid)}
    return sorted({port for inode, port in ports.items() if f"socket:[{inode}]" in links})


def _sockets() -> list[tuple[int, str, str]]:
    """`(local port, inode, state)` of every socket of this network namespace."""
    found = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        try:
            with open(f"/proc/net/{table}", encoding="ascii") as file:
                lines = file.readlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            found.append((int(words[1].rpartition(":")[2], 16), words[9], words[3]))
    return found


def _owners(inodes: dict[str, int]) -> dict[int, Holder]:
    """Which process has which of these sockets open; the oldest one of several that share it."""
    wanted = {f"socket:[{inode}]": port for inode, port in inodes.items()}
    found: dict[int, Holder] = {}
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()) if wanted else ():
        for link in _open_files(pid):
            port = wanted.get(link)
            if port is not None and port not in found and (name := _name(pid)):
                found[port] = Holder(port, pid, name)
    return found


def _open_files(pid: int) -> list[str]:
    """What a process has open; nothing when it is another user's, or ended while we looked."""
    found = []
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            try:
                found.append(os.readlink(f"/proc/{pid}/fd/{number}"))
            except FileNotFoundError:
                # Closed meanwhile; of this process itself, the listing's own.
                continue
    except OSError:
        return []
    return found


def _name(pid: int) -> str:
    """The name of a process; empty when it has ended."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""
