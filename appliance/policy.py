"""Who may call, from the configuration."""

from __future__ import annotations

import logging

from appliance.association.access import AccessPolicy, Peer, networks
from appliance.config import Config

log = logging.getLogger("gravure.association")


class CannotStart(Exception):
    """The appliance cannot start, in words for a person."""


def access_policy(config: Config) -> AccessPolicy:
    """Who may call, from the configuration; host names are looked up now. A peer whose host is not found is left out:
    when names are not served, all the others print and store."""
    peers: list[Peer] = []
    left_out: list[str] = []
    for name, table in config.peers.items():
        try:
            peers.append(Peer(name, table.ae_title, networks(table.address), frozenset(table.allow)))
        except ValueError as failure:
            log.warning("a peer is unknown for now", extra={"peer": name, "reason": failure})
            left_out.append(name)
    return AccessPolicy.of(peers, config.unknown_peers, left_out)
