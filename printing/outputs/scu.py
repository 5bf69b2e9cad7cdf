"""Calling a DICOM peer: pynetdicom as requestor, bounded in time, safe from what its threads do to each other.

Version 3.0.4 loses requests in two ways when a peer tells things by itself. Its reactor may wake between a request and
its answer and take the answer for a request; and the thread in which it serves an N-EVENT-REPORT wakes no waiting
request again, which then waits for ever. Both are stopped here, so this file touches a private part of the library.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import N_EVENT_REPORT
from pynetdicom.dsutils import decode

CONNECT_S = 15.0
MAXIMUM_PDU = 16382
"""What we take at once, bytes; what we send is bounded by the peer's."""

HearEvent = Callable[[str, str, int, Dataset], None]
"""Told of an N-EVENT-REPORT, in a thread of its own: SOP Class UID, SOP Instance UID, Event Type ID, information."""


def associate(
    address: tuple[str, int, str, str],
    contexts: Iterable[tuple[str, Sequence[str]]],
    timeout_s: float,
    hear_event: HearEvent | None = None,
    on_message: Callable[[Any], None] = lambda _: None,
    connect_s: float = CONNECT_S,
) -> Any:
    """An association, which need not have been accepted.

    Args:
        address: host, port, called and calling AE title.
        contexts: (abstract syntax, its transfer syntaxes) of each presentation context.
        timeout_s: the longest wait for one answer.
        hear_event: told of events; without one they are confirmed and forgotten.
        on_message: told of every message that comes, before anybody sees it.
        connect_s: the longest wait for the connection.
    """
    host, port, called, calling = address
    entity = AE(ae_title=calling)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = timeout_s
    entity.connection_timeout = connect_s
    entity.maximum_pdu_size = MAXIMUM_PDU
    for abstract_syntax, syntaxes in contexts:
        entity.add_requested_context(abstract_syntax, list(syntaxes))
    handlers: list[Any] = [(evt.EVT_DIMSE_RECV, on_message)]
    association: Any = entity.associate(host, port, ae_title=called, evt_handlers=handlers)
    with contextlib.suppress(OSError, AttributeError):  # the peer may have gone
        # Else an answer waits 40 ms for the second packet of its request, by an accident of TCP.
        association.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    take, send, turn = association.dimse.get_msg, association.dimse.send_msg, threading.Lock()

    def only_for_who_waits(block: bool = False) -> Any:
        # The reactor has nothing to take: an SCU gets answers, which are waited for, and events, which come below.
        return take(True) if block else (None, None)

    def in_turn(message: Any, context_id: int) -> None:
        # An event is confirmed by its own thread: never between two parts of a request (PS3.8 Annex E).
        with turn:
            send(message, context_id)

    def serve(message: Any, context_id: int) -> None:
        if not isinstance(message, N_EVENT_REPORT) or not association.is_established:
            return
        in_turn(_confirmation(message), context_id)
        if hear_event is not None:
            uids = (str(message.AffectedSOPClassUID), str(message.AffectedSOPInstanceUID))
            hear_event(*uids, int(message.EventTypeID or 0), _information(association, message, context_id))

    association.dimse.get_msg, association.dimse.send_msg = only_for_who_waits, in_turn
    association._serve_request = serve
    return association


def _confirmation(message: Any) -> N_EVENT_REPORT:
    answer = N_EVENT_REPORT()
    answer.MessageIDBeingRespondedTo = message.MessageID
    answer.AffectedSOPClassUID = message.AffectedSOPClassUID
    answer.AffectedSOPInstanceUID = message.AffectedSOPInstanceUID
    answer.EventTypeID = message.EventTypeID
    answer.Status = 0x0000
    return answer


def _information(association: Any, message: Any, context_id: int) -> Dataset:
    contexts = {context.context_id: context for context in association.accepted_contexts}
    if message.EventInformation is None or context_id not in contexts:
        return Dataset()
    syntax = contexts[context_id].transfer_syntax[0]
    try:
        return decode(message.EventInformation, syntax.is_implicit_VR, syntax.is_little_endian)
    except Exception:  # whatever a peer wrote there: the event type says enough
        return Dataset()
