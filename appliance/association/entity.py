"""An Application Entity of ours: a title, what it offers, and what answers for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

from .access import service_of
from .associate import AssociateRequest, ContextResult, Role
from .message import Association, Conversation


class Kind(Enum):
    """What an entity does; its idle limit follows from it."""

    PRINT = "print"
    STORAGE = "storage"
    BOTH = "both"
    ECHO = "echo"


WORDS = {Kind.PRINT: ("print",), Kind.STORAGE: ("store",), Kind.BOTH: ("print", "store"), Kind.ECHO: ("echo",)}


@dataclass(frozen=True, slots=True)
class Door:
    """Whom an entity lets in, of those whom the appliance lets in."""

    tables: frozenset[str] = frozenset()
    """What stands behind it: a title and its aliases are counted together."""
    peers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By word of `allow`: keys of the peers that may use that service; without an entry everybody may."""
    associations: int = 0
    """How many may be open; 0: as many as all."""

    def is_open_to(self, peer: str | None, abstract_syntax: str) -> bool:
        """Whether a peer, None for one that is not known, may use a SOP Class here."""
        return self._serves(peer, service_of(abstract_syntax))

    def is_shut_to(self, peer: str | None, words: Iterable[str]) -> bool:
        """Whether none of these services is for this peer."""
        return not any(self._serves(peer, word) for word in words)

    def _serves(self, peer: str | None, word: str) -> bool:
        return word not in self.peers or peer in self.peers[word]


@dataclass(frozen=True, slots=True)
class Entity:
    """One AE title on our port."""

    ae_title: str
    kind: Kind
    transfer_syntaxes: Callable[[str], tuple[str, ...]]
    """By abstract syntax, in our order of preference: our order is the policy. Empty: the class is not offered."""
    open: Callable[[Association], Conversation]
    """Called when an association with this entity is accepted."""
    aliases: frozenset[str] = field(default_factory=frozenset)
    """Other called AE titles that mean this one."""
    idle_s: Callable[[Association], float] = lambda _: 0.0
    """Asked once, when an association is accepted: its own idle limit; 0 is that of its kind."""
    door: Door = Door()

    @property
    def words(self) -> tuple[str, ...]:
        """What it does, in the words of `allow`."""
        return WORDS[self.kind]


def negotiate(
    request: AssociateRequest,
    transfer_syntaxes: Callable[[str], tuple[str, ...]],
    allowed: Callable[[str], bool],
) -> tuple[list[ContextResult], dict[str, Role]]:
    """Presentation contexts and roles (PS3.8 §7.1.1.13–15, PS3.7 D.3.3.4). We are SCP of everything that we accept.

    Args:
        request: what the peer proposes.
        transfer_syntaxes: of the called entity.
        allowed: whether this peer may use an abstract syntax.

    Returns:
        One result for each proposed context, in order; and a role for each class that the peer named one for and that
        was accepted. Role items that nobody asked for break some consoles: none are sent.
    """
    results: list[ContextResult] = []
    roles: dict[str, Role] = {}
    for context in request.contexts:
        ours = transfer_syntaxes(context.abstract_syntax)
        proposed = request.roles.get(context.abstract_syntax)
        if not ours:
            result = ContextResult(context.context_id, 3)
        elif not allowed(context.abstract_syntax) or (proposed is not None and not proposed.scu):
            result = ContextResult(context.context_id, 1)
        else:
            common = _first_common(ours, context.transfer_syntaxes)
            result = ContextResult(context.context_id, 0, common) if common else ContextResult(context.context_id, 4)
            if common and proposed is not None:
                roles[context.abstract_syntax] = Role(scu=True, scp=False)
        results.append(result)
    return results, roles


@lru_cache(maxsize=256)
def _first_common(ours: tuple[str, ...], proposed: tuple[str, ...]) -> str:
    """The first of our transfer syntaxes that the peer proposes; empty for none."""
    return next((syntax for syntax in ours if syntax in proposed), "")
