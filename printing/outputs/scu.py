"""Calling a DICOM peer: pynetdicom as requestor, bounded in time, its answers safe from its own reactor."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Sequence
from typing import Any

from pynetdicom import AE

CONNECT_S = 15.0


def associate(
    address: tuple[str, int, str, str],
    contexts: Iterable[tuple[str, Sequence[str]]],
    timeout_s: float,
    handlers: Sequence[Any] = (),
    connect_s: float = CONNECT_S,
) -> Any:
    """An association, which need not have been accepted.

    Args:
        address: host, port, called and calling AE title.
        contexts: (abstract syntax, its transfer syntaxes) of each presentation context.
        timeout_s: the longest wait for one answer.
        handlers: pynetdicom's (event, function).
        connect_s: the longest wait for the connection.
    """
    host, port, called, calling = address
    entity = AE(ae_title=calling)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = timeout_s
    entity.connection_timeout = connect_s
    for abstract_syntax, syntaxes in contexts:
        entity.add_requested_context(abstract_syntax, list(syntaxes))
    association: Any = entity.associate(host, port, ae_title=called, evt_handlers=list(handlers))
    with contextlib.suppress(OSError, AttributeError):  # the peer may have gone
        # Else an answer waits 40 ms for the second packet of its request, by an accident of TCP.
        association.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    take = association.dimse.get_msg

    def only_for_who_waits(block: bool = False) -> Any:
        # The reactor of 3.0.4 may wake between a request and its answer, and take the answer for a request of the peer:
        # the wait for it then ends with a film that nobody can vouch for. It has nothing to take here: an SCU gets
        # answers, which are waited for, and N-EVENT-REPORTs, which do not come this way.
        return take(True) if block else (None, None)

    association.dimse.get_msg = only_for_who_waits
    return association
