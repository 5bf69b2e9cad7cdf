"""Who may call, from the configuration."""

from __future__ import annotations

from appliance.association.access import AccessPolicy, Peer, networks
from appliance.config import Config


class CannotStart(Exception):
    """The appliance cannot start, in words for a person."""


def access_policy(config: Config) -> AccessPolicy:
    """Who may call, from the configuration; host names are looked up now.

    Raises:
        CannotStart: a host name that cannot be looked up.
    """
    try:
        return AccessPolicy.of(
            (
                Peer(name, table.ae_title, networks(table.address), frozenset(table.allow))
                for name, table in config.peers.items()
            ),
            config.unknown_peers,
        )
    except ValueError as failure:
        raise CannotStart(str(failure)) from failure
