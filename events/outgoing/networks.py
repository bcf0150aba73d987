"""Which networks Hub may be sent to by somebody who types an address. No Django here: settings are made of it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

HOST = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z][A-Za-z0-9_-]{0,62}")
# By this prefix networks without IPv4 reach it: the last 32 bits are the address that is meant.
TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
# Older ways to write an IPv4 address into one of IPv6. Nobody needs them, but to get around a check.
DISGUISES = tuple(map(ipaddress.IPv6Network, ("::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")))


@dataclass(frozen=True, slots=True)
class Allowed:
    """Networks and hosts that may be sent to although they are not public."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def read(cls, text: str) -> Allowed:
        """From networks, addresses and host names with commas or spaces between them. Raises ValueError with a line for
        people."""
        networks, hosts = [], set()
        for word in re.split(r"[,\s]+", text):
            try:
                networks += [ipaddress.ip_network(word)] if word else []
            except ValueError:
                if not HOST.fullmatch(word):
                    raise ValueError(f"{word[:80]!r} is neither a network such as 10.0.0.0/8 nor an address nor the "
                                     "name of a host.") from None
                hosts.add(word.lower())
        return cls(tuple(networks), frozenset(hosts))

    def covers(self, host: str, address: Address) -> bool:
        """Whether this address, found under this name, was allowed."""
        return host in self.hosts or any(address in network for network in self.networks)


def plain(text: str) -> Address:
    """An address as the system gives it, without its zone; an IPv4 address that is written as IPv6 as IPv4."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def reserved_for(address: Address) -> str:
    """What an address that is not public is, in words; empty for one of the open Internet."""
    if address.is_loopback or address.is_unspecified:
        return "this machine itself"
    if address.is_link_local:
        return "its own network segment"
    if address.is_multicast:
        return "many machines at once"
    if isinstance(address, ipaddress.IPv6Address):
        if address in TRANSLATED:
            return reserved_for(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if any(address in network for network in DISGUISES):
            return "another address in disguise"
        if address.is_site_local:
            return "a private network"
    if address.is_private or not address.is_global:
        return "a private or reserved network"
    return "a reserved network" if address.is_reserved else ""
