"""Who may call, and for what: `[peers]` and `[access]` of the configuration.

An AE title is a label, not a credential: a peer is known when its title and its address both match. Negotiation is
where a service is granted, so what a peer may not do is a context that it does not get.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from media.records import STORAGE_CLASSES

VERIFICATION = "1.2.840.10008.1.1"
PRINT_ARC = "1.2.840.10008.5.1.1."

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
ANY_TITLE = "*"
"""As a peer's AE title: whoever calls from its addresses."""
SERVICES = frozenset({"echo", "store", "print"})


def service_of(abstract_syntax: str) -> str:
    """The word of `allow` that covers a SOP Class."""
    if abstract_syntax == VERIFICATION:
        return "echo"
    # The arc of print has storage classes too: hardcopy images and stored prints.
    return "print" if abstract_syntax.startswith(PRINT_ARC) and abstract_syntax not in STORAGE_CLASSES else "store"


@dataclass(frozen=True, slots=True)
class Peer:
    """One known peer, as access sees it."""

    name: str
    ae_title: str
    networks: tuple[Network, ...]
    """Empty: any address."""
    allow: frozenset[str] = SERVICES

    def is_at(self, address: str) -> bool:
        """Whether a connection from this address can be this peer."""
        if not self.networks:
            return True
        here = plain_address(address)
        return any(here in network for network in self.networks if here.version == network.version)


@dataclass(frozen=True, slots=True)
class Caller:
    """What access says of one association request."""

    admitted: bool
    peer: str | None = None
    """Its key in [peers]."""
    allow: frozenset[str] = SERVICES

    def may(self, abstract_syntax: str) -> bool:
        """Whether the caller may use a SOP Class."""
        return service_of(abstract_syntax) in self.allow


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Known peers, and what becomes of others: accept, echo-only or reject."""

    peers: Mapping[str, tuple[Peer, ...]] = field(default_factory=dict)
    """By AE title."""
    unknown_peers: str = "accept"
    left_out: tuple[str, ...] = ()
    """Keys of peers whose hosts nobody knows now: they are unknown peers."""

    @classmethod
    def of(cls, peers: Iterable[Peer], unknown_peers: str, left_out: Iterable[str] = ()) -> AccessPolicy:
        """A policy for these peers."""
        by_title: dict[str, tuple[Peer, ...]] = {}
        for peer in peers:
            by_title[peer.ae_title] = (*by_title.get(peer.ae_title, ()), peer)
        return cls(by_title, unknown_peers, tuple(left_out))

    def caller(self, calling_ae_title: str, address: str) -> Caller:
        """Who calls with this title from this address."""
        for peer in (*self.peers.get(calling_ae_title, ()), *self.peers.get(ANY_TITLE, ())):
            if peer.is_at(address):
                return Caller(True, peer.name, peer.allow)
        if self.unknown_peers == "accept":
            return Caller(True)
        if self.unknown_peers == "echo-only":
            return Caller(True, None, frozenset({"echo"}))
        return Caller(False)


def plain_address(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address without zone, an IPv4-mapped one as IPv4."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found


def networks(addresses: Iterable[str]) -> tuple[Network, ...]:
    """Networks of hosts, addresses and CIDR blocks; host names are looked up once, now.

    Raises:
        ValueError: neither an address nor a name that can be looked up.
    """
    found: list[Network] = []
    for address in addresses:
        try:
            found.append(ipaddress.ip_network(address, strict=False))
        except ValueError:
            try:
                looked_up = {entry[4][0] for entry in socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)}
            except OSError as failure:
                raise ValueError(f"{address} is no address, and no host of that name is found") from failure
            found.extend(ipaddress.ip_network(str(one).partition("%")[0]) for one in sorted(map(str, looked_up)))
    return tuple(found)
