"""Whom we call: a key of [peers], or AETITLE@HOST:PORT."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from appliance.config import Config

TIMEOUT_S = 30
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
UNCOMPRESSED = (EXPLICIT, IMPLICIT)
"""Transfer syntaxes of messages without pixels of their own."""


class UnknownPeer(Exception):
    """There is no such peer, in words that say which there are."""


@dataclass(frozen=True, slots=True)
class Target:
    """A peer to be called."""

    name: str
    ae_title: str
    host: str
    port: int
    calling_ae_title: str

    @classmethod
    def find(cls, config: Config, name: str) -> Self:
        """A peer by the name of its table, or written out.

        Raises:
            UnknownPeer: neither.
        """
        calling = config.appliance.ae_title
        if match := re.fullmatch(r"(.{1,16})@\[?([^\]@]+?)\]?:(\d{1,5})", name):
            if not 1 <= int(match[3]) <= 65535:
                raise UnknownPeer(f"{name}: a port is a number from 1 to 65535")
            return cls(name, match[1], match[2], int(match[3]), calling)
        table = config.peers.get(name)
        if table is None:
            known = ", ".join(sorted(config.peers)) or "none"
            raise UnknownPeer(f"there is no peer {name} (there are: {known}); AETITLE@HOST:PORT names one too")
        host = next((one for one in table.address if "/" not in one), None)
        if host is None:
            raise UnknownPeer(f"peers.{name}.address names no host that could be called")
        return cls(name, table.ae_title, host, table.port, calling)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of calling a peer."""

    ok: bool
    words: str

    def __str__(self) -> str:
        return self.words


def associate(target: Target, contexts: Iterable[tuple[str, Sequence[str]]]) -> Any | Answer:
    """An association with a peer, or why there is none, in words.

    Args:
        target: whom to call.
        contexts: (abstract syntax, its transfer syntaxes) of each presentation context.
    """
    from printing.outputs import scu

    where = f"{target.ae_title} at {target.host}:{target.port}"
    address = (target.host, target.port, target.ae_title, target.calling_ae_title)
    try:
        association = scu.associate(address, contexts, TIMEOUT_S, connect_s=TIMEOUT_S)
    except OSError as failure:  # the name is looked up before anything else
        return Answer(False, f"{where}: {failure.strerror or failure}")
    return association if association.is_established else _refusal(association, where)


def _refusal(association: Any, where: str) -> Answer:
    if association.is_rejected:
        primitive = association.acceptor.primitive
        reason = primitive.reason_str if primitive is not None else "no reason given"
        return Answer(False, f"{where} rejects the association: {reason}")
    if association.rejected_contexts and not association.accepted_contexts:
        return Answer(False, f"{where} accepts an association, but none of the services that were proposed")
    return Answer(False, f"{where} does not answer")
