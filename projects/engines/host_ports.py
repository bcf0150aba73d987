"""Ports of this host: is one free, and if not, who has it."""

from __future__ import annotations

import errno
import socket

import psutil


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
    """`python3 (pid 123)`: the process that listens on a TCP port; empty when that cannot be seen."""
    try:
        connections = psutil.net_connections("inet")
    except psutil.Error:
        return ""
    for connection in connections:
        if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
            if connection.pid is None:
                return ""
            try:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
            except psutil.Error:
                return f"pid {connection.pid}"
    return ""
