"""One TCP connection as an association: PS3.8 §9.2 as acceptor, on asyncio.

A streaming parser over a receive buffer that all connections share: asyncio fills it and calls us in one breath, so
nothing has to stay in it. Headers of PDUs and PDVs are gathered in a few bytes, command sets in a bounded buffer, data
sets go to their sink in the pieces that the kernel hands over and are never held.

At most one request is answered at a time (PS3.7 D.3.3.3, window 1/1). A request that comes before the answer to the
last one waits, and reading stops: pipelining is bounded by one message and a socket buffer. Responses to our own
N-EVENT-REPORTs are matched by message ID whenever they come.

A turn of the loop is shared fairly: from each connection so many messages and parts of messages are taken, then the
others have their turn, however much it sent. Someone who sends nothing but tiny ones keeps nobody waiting.

Deadlines are absolute and cost nothing: each association holds the time by which something must have happened, and the
server looks at all of them once a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import mmap
import os
import socket
import struct
import time
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

from .access import VERIFICATION
from .associate import (
    A_ABORT,
    A_ASSOCIATE_RQ,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    P_DATA_TF,
    RELEASE_RESPONSE,
    BadAssociate,
    decode_associate,
    encode_abort,
    encode_accept,
    encode_data,
    encode_reject,
)
from .command import (
    NO_DATA_SET,
    REQUESTED,
    RESPONSE_BIT,
    BadCommand,
    decode_command,
    encode_event_report,
    encode_response,
)
from .dialogue import Dialogue
from .eager import Done, begin
from .entity import Entity, Kind, negotiate
from .limits import Limits
from .message import (
    AcceptedContext,
    CommandField,
    Conversation,
    DataSetSink,
    Ending,
    Refused,
    Request,
    Response,
)
from .window import set_window, window_of

if TYPE_CHECKING:
    from .server import AssociationServer

log = logging.getLogger("gravure.association")


def _huge_page() -> memoryview:
    """A buffer in one page of the processor's largest useful size, where the kernel has one: 256 small ones fill the
    table in which it looks up addresses, and what comes next has to find its own again (by trial: a sixteenth)."""
    room = mmap.mmap(-1, 2 * 1024 * 1024)
    with contextlib.suppress(OSError):
        room.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(room)


RECEIVE_BUFFER = _huge_page()[: 1024 * 1024]
"""Shared by all connections: it is empty again when `buffer_updated` returns. (By trial: what is taken at once costs
less than in four parts.)"""
SHORT_BUFFER = RECEIVE_BUFFER[: 64 * 1024]
"""What is taken at once between messages: what a peer sends before it has its answer has to be kept."""
MOST_AT_ONCE = 16
"""Connections of which more is taken even there, as they have sent a data set and nothing ahead of its answer: a whole
instance then costs one read. Together they can make us keep so many megabytes."""
TURN_STEPS = 400
"""Headers and parts that one connection may have parsed in one turn of the loop, about a millisecond of work. A
megabyte in parts of 16 KiB takes half of them."""
MESSAGE_STEPS = 20
"""What one whole message counts for."""
MOST_IDLE_WORDS = 1000
"""Parts without a byte, cancels and responses to nothing that a peer may send between two requests."""

READS_IN_A_ROW = 8

_PDU_HEADER = struct.Struct(">BxL")
_PDV_HEADER = struct.Struct(">LBB")
_BOTH_HEADERS = struct.Struct(">BxLLBB")

NO_ECHO = Response(0x0122, comment="Verification was not negotiated on this context")

FIELDS = {int(one) for one in CommandField}
NAMES = {int(one): one.name for one in CommandField}

# A-ABORT reasons of the provider, PS3.8 §9.3.8.
UNRECOGNIZED_PDU, UNEXPECTED_PDU, INVALID_PARAMETER = 1, 2, 6


class State(Enum):
    """PS3.8 §9.2.1, as far as an acceptor needs it."""

    AWAITING_ASSOCIATE = "Sta2"
    OPEN = "Sta6"
    CLOSING = "Sta13"
    """We said our last word; the peer closes, or the deadline does."""
    GONE = "Sta1"


OPEN, AWAITING_ASSOCIATE = State.OPEN, State.AWAITING_ASSOCIATE
"""Looked at with every part of a message: an attribute of an Enum takes as long to find as all else there."""


class AssociationProtocol(asyncio.BufferedProtocol):
    """One connection, and the `Association` that services see."""

    def __init__(self, server: AssociationServer, limits: Limits) -> None:
        self._server = server
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._socket = -1
        """Descriptor that may be read without the transport; -1 where there is none, or TLS stands between."""
        self._tcp: socket.socket | None = None
        self._window: int | None = None
        """Bytes of the TCP window, see `window`; None until a data set has come."""
        self._conversation: Conversation | None = None
        self.state = State.AWAITING_ASSOCIATE
        self.entity: Entity | None = None
        self.dialogue: Dialogue | None = None

        # What services see.
        self.id = ""
        self.calling_ae_title = ""
        self.called_ae_title = ""
        self.peer_address = ""
        self.peer: str | None = None
        self.implementation_class_uid = ""
        self.implementation_version_name = ""
        self._contexts: dict[int, AcceptedContext] = {}
        self.peer_maximum_length = 0

        # The parser: bytes of a header or of a short PDU, what is left of the PDU and of the PDV in hand.
        self._gathered = bytearray()
        self._pdu_type = 0
        self._pdu_left = 0
        self._in_pdu = False
        self._pdv_left = 0
        self._pdv_control = 0
        self._command = bytearray()
        self._command_context = 0
        self._request: Request | None = None
        self._sink: DataSetSink | None = None
        self._refusal: Refused | None = None
        self._data_bytes = 0
        self._most_data_bytes = 0
        """That the data set of the request in hand may have."""
        self._skipping_response: int | None = None
        self._backlog = bytearray()
        self._at_once = SHORT_BUFFER
        """Taken between messages."""
        self._waits = True
        """For our answers, as far as we have seen."""
        self._feeding = False
        self._steps = 0
        """Left in this turn of the loop."""
        self._idle_words = 0
        self._next_turn: asyncio.Handle | None = None

        # Answering and asking.
        self._answering = False
        self._task: asyncio.Task[None] | None = None
        """Of an answer that waits for something; kept so that nobody collects it."""
        self._waiting: tuple[Request, Refused | None] | None = None
        self._releasing = False
        self._message_ids = 0
        self._events: dict[int, asyncio.Future[int | None]] = {}
        self._outbox: list[Callable[[], None]] = []

        # Deadlines, in loop time; infinity where nothing is awaited.
        self._deadline_s = float("inf")
        self._deadline_of = ""
        self._own_idle_s = 0.0
        """Of this association; 0 is that of its kind."""
        self._message_began_s: float | None = None
        self._fed_s = 0.0
        """When the bytes in hand came."""
        self._unread_since_s: float | None = None

    # -- connection ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP is open: Sta2, ARTIM started."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.peer_address = str(peer[0]) if peer else ""
        sock: socket.socket | None = transport.get_extra_info("socket")
        if sock is not None and transport.get_extra_info("sslcontext") is None:
            self._socket = sock.fileno()
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self._tcp = sock
        self._await(self._limits.handshake_s, "A-ASSOCIATE-RQ")
        self._server.connected(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """TCP is gone, whoever closed it."""
        before, self.state = self.state, State.GONE
        self._socket = -1
        self._deadline_s = float("inf")
        self._take_less()
        if self._next_turn is not None:
            self._next_turn.cancel()
        self._server.disconnected(self)
        if before is State.OPEN:
            self._ended(Ending.LOST)
        self._gathered.clear()
        self._backlog.clear()

    def _ended(self, ending: Ending) -> None:
        """The association is over: nothing of it stays behind."""
        if self._sink is not None:
            self._sink.discard()
            self._sink = None
        waiting, self._waiting = self._waiting, None
        if waiting is not None and waiting[0].data is not None:
            waiting[0].data.discard()
        for future in self._events.values():
            if not future.done():
                future.set_result(None)
        self._events.clear()
        self._outbox.clear()
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            try:
                conversation.closed(ending)
            except Exception:
                log.exception("a service failed at the end of an association", extra={"association": self.id})
        if self.dialogue is not None:
            self._server.dialogues.ended(self.dialogue, ending.value)
            log.info(
                "association ended",
                extra={"association": self.id, "peer": self.peer_address, "ending": ending.value},
            )
            self.dialogue = None

    def pause_writing(self) -> None:
        """The peer does not read: no more is taken from it either, or our answers would heap up."""
        self._unread_since_s = self._loop.time()

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._unread_since_s = None
        self._resume()

    # -- deadlines ----------------------------------------------------------------------------------------------

    def _await(self, seconds: float, what: str) -> None:
        self._deadline_s = self._loop.time() + seconds
        self._deadline_of = what

    def _await_more(self, what: str) -> None:
        self._deadline_s = self._fed_s + self._limits.pdu_s
        self._deadline_of = what

    def _idle(self) -> None:
        self._await(self._idle_s, "the next message")

    @property
    def _idle_s(self) -> float:
        if self._own_idle_s:
            return self._own_idle_s
        kind = self.entity.kind if self.entity is not None else Kind.ECHO
        if kind is Kind.STORAGE:
            return self._limits.idle_storage_s
        return self._limits.idle_echo_s if kind is Kind.ECHO else self._limits.idle_print_s

    def overdue(self, now_s: float) -> str:
        """What this connection should have done by now; empty if nothing."""
        if self._unread_since_s is not None and now_s > self._unread_since_s + self._limits.send_s:
            return "reading our answer"
        if now_s > self._deadline_s:
            return self._deadline_of
        if self._message_began_s is not None:
            granted_s = self._limits.message_s + self._data_bytes / self._limits.slowest_bytes_per_s
            if now_s > self._message_began_s + granted_s:
                return "the end of a message"
        return ""

    def give_up(self, what: str) -> None:
        """A deadline passed: A-ABORT where a peer is still there to hear it, then the socket."""
        if self.state is State.OPEN:
            log.warning(
                "peer is too slow: aborted",
                extra={"association": self.id, "peer": self.peer_address, "awaited": what},
            )
            self.abort()
        self._close_now()

    def _close_now(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # -- reading ------------------------------------------------------------------------------------------------

    def get_buffer(self, sizehint: int) -> memoryview:
        """The shared buffer; asyncio fills it and calls `buffer_updated` at once."""
        return self._at_once if self._sink is None else RECEIVE_BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes came. In the middle of a data set more lie in the socket already: they are read at once, without the
        loop's turn, which takes as long as reading them (measured); a few times, as other peers wait for theirs."""
        self._steps = TURN_STEPS
        self._take(nbytes)
        for _ in range(READS_IN_A_ROW):
            if self._sink is None or self._socket < 0 or self._backlog or self._feeding or self._held:
                return
            try:
                nbytes = os.readv(self._socket, (RECEIVE_BUFFER,))
            except OSError:
                return  # nothing more yet, or an error that the loop will meet too
            if not nbytes:
                return  # the end, likewise
            self._take(nbytes)

    def _take(self, nbytes: int) -> None:
        if self._backlog or self._feeding:
            self._backlog += RECEIVE_BUFFER[:nbytes]
        else:
            rest = self._feed(RECEIVE_BUFFER[:nbytes])
            if len(rest):
                self._backlog += rest
                self._take_less()

    def _take_more(self) -> None:
        """This peer has sent a data set, and nothing more."""
        if self._at_once is SHORT_BUFFER and self._waits and self._server.at_once < MOST_AT_ONCE:
            self._server.at_once += 1
            self._at_once = RECEIVE_BUFFER

    def _hold_window(self) -> None:
        """After each data set: the kernel may have found another."""
        if self._tcp is None:
            return
        if self._window is None:
            self._window = window_of(self._tcp)
        if self._window:
            with contextlib.suppress(OSError):  # the peer is gone
                set_window(self._tcp, self._window)

    def _take_less(self) -> None:
        """This peer does not wait, or is gone."""
        self._waits = False
        if self._at_once is RECEIVE_BUFFER:
            self._server.at_once -= 1
            self._at_once = SHORT_BUFFER

    def eof_received(self) -> bool:
        """The peer closed its side: the connection goes."""
        return False

    def _feed(self, data: memoryview) -> memoryview:
        """Parse as far as may be; what is returned must be fed again after the answer in hand is given."""
        self._feeding = True
        self._fed_s = self._loop.time()
        try:
            while data and (self.state is OPEN or self.state is AWAITING_ASSOCIATE):
                if self._waiting is not None or self._unread_since_s is not None:
                    self._pause()
                    return data
                if self._steps <= 0:
                    self._pause()
                    self._take_turn_later()
                    return data
                self._steps -= 1
                data = self._step(data)
            if self._outbox:
                self._flush()
        except BadAssociate as failure:
            self._refuse_pdu(str(failure), INVALID_PARAMETER)
        except BadCommand as failure:
            self._refuse_pdu(str(failure), INVALID_PARAMETER)
        finally:
            self._feeding = False
        return data if self.state is OPEN or self.state is AWAITING_ASSOCIATE else data[:0]

    @property
    def _held(self) -> bool:
        """Whether nothing more is taken for now: a request waits for the answer to the one before, or answers wait
        for the peer to read them."""
        return self._waiting is not None or self._unread_since_s is not None

    def _take_turn_later(self) -> None:
        if self._next_turn is None:
            self._next_turn = self._loop.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._next_turn = None
        self._steps = TURN_STEPS
        self._resume()

    def _pause(self) -> None:
        if self._transport is not None and self._transport.is_reading():
            self._transport.pause_reading()

    def _resume(self) -> None:
        """The answer is given: take up what waited."""
        if self.state is not State.OPEN or self._transport is None or self._feeding:
            return
        if self._backlog and self._steps <= 0:
            self._take_turn_later()
            return
        while self._backlog and self._steps > 0 and not self._held and self.state is State.OPEN:
            data, self._backlog = self._backlog, bytearray()
            with memoryview(data) as view:
                rest = self._feed(view)
                if len(rest):
                    self._backlog[:0] = rest
                rest.release()
        if not self._backlog and not self._held and not self._transport.is_reading():
            self._transport.resume_reading()

    def _step(self, data: memoryview) -> memoryview:
        if self._pdv_left:
            if self._pdv_left == self._pdu_left and self._sink is not None and not self._pdv_control & 1:
                return self._parts(data, 0, self._pdv_left, self._pdv_control)
            return self._part_of_pdv(data)
        if not self._in_pdu:
            if len(data) >= 12 and data[0] == P_DATA_TF and not self._gathered:
                return self._both_headers(data)
            data = self._gather(data, 6)
            if len(self._gathered) == 6:
                self._pdu_header(*_PDU_HEADER.unpack(self._gathered))
                self._gathered.clear()
            return data
        if self._pdu_type == P_DATA_TF:
            data = self._gather(data, min(6, self._pdu_left))
            if len(self._gathered) == 6:
                length, context_id, control = _PDV_HEADER.unpack(self._gathered)
                self._gathered.clear()
                self._pdv_header(length, context_id, control)
            elif len(self._gathered) == self._pdu_left:
                raise BadCommand("a PDU ends in the middle of a PDV header")
            return data
        data = self._gather(data, self._pdu_left)
        if len(self._gathered) == self._pdu_left:
            body, self._gathered = self._gathered, bytearray()
            self._in_pdu = False
            self._await_next()
            self._whole_pdu(self._pdu_type, body)
        return data

    def _part_of_pdv(self, data: memoryview) -> memoryview:
        """What lies here of the PDV in hand."""
        take = self._pdv_left
        if take > len(data):
            self._fragment(data)
            self._pdv_left = take - len(data)
            self._pdu_left -= len(data)
            return data[:0]
        self._fragment(data[:take])
        self._pdv_left = 0
        self._pdu_left -= take
        if self._pdv_control & 2:
            self._last_fragment()
        self._end_of_pdv()
        return data[take:]

    def _parts(self, data: memoryview, begin: int, left: int, control: int) -> memoryview:
        """The data set in hand while each part of it is alone in its PDU, as nearly always: all that lies here goes to
        the sink at once. Where anything else comes, the long way looks at it.

        Args:
            data: what came.
            begin: where in it the PDV in hand goes on; behind its header, if that lies here.
            left: bytes of it that have not come before.
            control: its message control header.
        """
        size, steps = len(data), self._steps
        parts = []
        of_old_pdu = 0 if begin else left
        end = begin + left
        header: memoryview | bytes = b""
        again = 0
        while end <= size:
            parts.append(data[begin:end])
            left, begin = 0, end
            steps -= 2
            if control & 2 or size < end + 12 or steps < 0:
                break
            if (following := data[end : end + 12]) != header:  # of most senders all parts but the last are alike
                again, control = self._part_header(following)
                if not again:
                    break
                header = following
            left, begin = again, end + 12
            end = begin + left
        else:
            if begin < size:
                parts.append(data[begin:])
            left, begin = end - size, size
        if end > of_old_pdu:  # another PDU has begun
            self._await_more("the end of a PDU")
        self._steps = steps
        self._pdv_left = self._pdu_left = left
        self._pdv_control = control
        self._fragment(*parts)
        if not left:
            if control & 2:
                self._last_fragment()
            self._end_of_pdv()
        return data[begin:]

    def _part_header(self, header: memoryview) -> tuple[int, int]:
        """Bytes and message control header of the part of a data set that these two headers announce; 0 bytes where it
        is for the long way."""
        kind, length, pdv_length, context_id, control = _BOTH_HEADERS.unpack(header)
        if (
            kind != P_DATA_TF
            or control & 1
            or context_id != self._command_context
            or not 2 < pdv_length == length - 4
            or length > self._limits.pdu_tolerated_bytes
        ):
            return 0, 0
        return pdv_length - 2, control

    def _both_headers(self, data: memoryview) -> memoryview:
        """A P-DATA-TF whose first PDV header lies in the same bytes, as nearly always: nothing needs gathering."""
        kind, length, pdv_length, context_id, control = _BOTH_HEADERS.unpack_from(data)
        if (
            pdv_length == length - 4
            and self.state is OPEN
            and 8 < length <= self._limits.pdu_tolerated_bytes
            and not self._command
        ):
            if control & 1:
                if control & 2 and context_id in self._contexts and self._sink is None and len(data) >= length + 6:
                    return self._whole_command(data, context_id, length + 6)
            elif self._sink is not None and context_id == self._command_context:
                self._in_pdu = True
                self._pdu_type = kind
                return self._parts(data, 12, pdv_length - 2, control)
        self._pdu_header(kind, length)
        if not self._in_pdu or length < 6:
            return data[6:]
        self._pdv_header(pdv_length, context_id, control)
        return data[12:]

    def _whole_command(self, data: memoryview, context_id: int, end: int) -> memoryview:
        """A command set that lies here in one piece, alone in its PDU, as nearly always."""
        if self._refusal is not None or self._skipping_response is not None:
            raise BadCommand("a command set begins inside a data set")
        if end - 12 > self._limits.command_bytes:
            raise BadCommand(f"a command set longer than {self._limits.command_bytes} bytes")
        if self._message_began_s is None:
            self._message_began_s = self._fed_s
        self._command_context = context_id
        self._command_complete(decode_command(bytes(data[12:end])))
        self._await_next()
        return data[end:]

    def _gather(self, data: memoryview, size: int) -> memoryview:
        take = min(size - len(self._gathered), len(data))
        self._gathered += data[:take]
        return data[take:]

    def _pdu_header(self, kind: int, length: int) -> None:
        limits = self._limits
        if kind == A_ASSOCIATE_RQ and self.state is State.AWAITING_ASSOCIATE:
            most = limits.associate_bytes
        elif kind == P_DATA_TF and self.state is State.OPEN:
            most = limits.pdu_tolerated_bytes
        elif kind == A_ABORT or (kind in (A_RELEASE_RQ, A_RELEASE_RP) and self.state is State.OPEN):
            most = 4
        else:
            self._refuse_pdu(f"PDU type {kind} here", UNEXPECTED_PDU if 1 <= kind <= 7 else UNRECOGNIZED_PDU)
            return
        if length > most or length < 4:
            self._refuse_pdu(f"PDU type {kind} of {length} bytes", INVALID_PARAMETER)
            return
        self._in_pdu = True
        self._pdu_type = kind
        self._pdu_left = length
        if self.state is OPEN:
            self._await_more("the end of a PDU")
            if self._message_began_s is None and kind == P_DATA_TF:
                self._message_began_s = self._fed_s

    def _pdv_header(self, length: int, context_id: int, control: int) -> None:
        self._pdu_left -= 6
        if length < 2 or length - 2 > self._pdu_left:
            raise BadCommand("a PDV is longer than its PDU")
        if context_id not in self._contexts:
            raise BadCommand("a PDV names a presentation context that was not accepted")
        self._pdv_left = length - 2
        self._pdv_control = control
        if control & 1:
            if self._sink is not None or self._refusal is not None or self._skipping_response is not None:
                raise BadCommand("a command set begins inside a data set")
            if self._command and context_id != self._command_context:
                raise BadCommand("one command set on two presentation contexts")
            self._command_context = context_id
        elif self._request is None and self._skipping_response is None:
            raise BadCommand("a data set without a command set")
        elif context_id != self._command_context:
            raise BadCommand("command set and data set on two presentation contexts")
        if self._pdv_left == 0:
            if control & 2:
                self._last_fragment()
            else:
                self._idle_word()
            self._end_of_pdv()

    def _idle_word(self) -> None:
        """The peer said something that asks for nothing."""
        self._idle_words += 1
        if self._idle_words > MOST_IDLE_WORDS:
            raise BadCommand(f"more than {MOST_IDLE_WORDS} words that ask for nothing")

    def _end_of_pdv(self) -> None:
        if self._pdu_left == 0 and self._in_pdu:
            self._in_pdu = False
            self._await_next()

    def _await_next(self) -> None:
        """A PDU is complete: inside a message its deadline goes on, between messages the idle limit begins."""
        if self.state is not OPEN:
            return
        if self._message_began_s is not None:
            self._await_more("the next part of a message")
        elif self._answering:
            self._deadline_s = float("inf")
        else:
            self._idle()

    def _fragment(self, *fragments: memoryview) -> None:
        size = sum(map(len, fragments))
        if self._pdv_control & 1:
            if len(self._command) + size > self._limits.command_bytes:
                raise BadCommand(f"a command set longer than {self._limits.command_bytes} bytes")
            for fragment in fragments:
                self._command += fragment
            return
        self._data_bytes += size
        if self._sink is None:
            return  # refused, or a response's data set: drained unseen
        if self._data_bytes > self._most_data_bytes:
            self._refuse_data(Refused(0xA700 if self._is_store() else 0x0213, "data set too long"))
            return
        try:
            self._sink.write(*fragments)
        except Refused as refusal:
            self._refuse_data(refusal)
        except OSError:
            log.exception("a data set could not be written", extra={"association": self.id})
            self._refuse_data(Refused(0xA700 if self._is_store() else 0x0213, "storage fault"))
        except Exception:
            log.exception("a service failed within a data set", extra={"association": self.id})
            self._refuse_data(Refused(0x0110, "internal error"))

    def _is_store(self) -> bool:
        return self._request is not None and self._request.command_field is CommandField.C_STORE_RQ

    def _refuse_data(self, refusal: Refused) -> None:
        self._refusal = refusal
        if self._sink is not None:
            self._sink.discard()
            self._sink = None

    def _last_fragment(self) -> None:
        if self._pdv_control & 1:
            command = decode_command(self._command)
            self._command.clear()
            self._command_complete(command)
        else:
            self._data_set_complete()

    # -- messages -----------------------------------------------------------------------------------------------

    def _command_complete(self, command: dict[str, object]) -> None:
        self._steps -= MESSAGE_STEPS
        command_field = command.get("CommandField")
        data_type = command.get("CommandDataSetType")
        if not isinstance(command_field, int) or not isinstance(data_type, int):
            raise BadCommand("a command set without Command Field or Command Data Set Type")
        self._data_bytes = 0
        if command_field & RESPONSE_BIT:
            self._response(command_field, command, has_data=data_type != NO_DATA_SET)
            return
        if command_field == CommandField.C_CANCEL_RQ:
            self._message_began_s = None
            self._idle_word()
            return  # nothing that we answer can be cancelled (PS3.7 §9.3.2.3)
        if command_field not in FIELDS:
            raise BadCommand(f"Command Field {command_field:04X}")
        self._idle_words = 0
        request = self._read_request(CommandField(command_field), command)
        if data_type == NO_DATA_SET:
            self._message_complete(request)
            return
        self._request = request
        limits = self._limits
        self._most_data_bytes = limits.data_set_bytes if self._is_store() else limits.normalized_data_set_bytes
        try:
            assert self._conversation is not None
            self._sink = self._conversation.sink(request)
        except Refused as refusal:
            self._refusal = refusal
        except Exception:
            log.exception("a service failed before a data set", extra={"association": self.id})
            self._refusal = Refused(0x0110, "internal error")

    def _read_request(self, command_field: CommandField, command: dict[str, object]) -> Request:
        requested = command_field in REQUESTED
        sop_class_uid = command.pop("RequestedSOPClassUID" if requested else "AffectedSOPClassUID", "")
        sop_instance_uid = command.pop("RequestedSOPInstanceUID" if requested else "AffectedSOPInstanceUID", None)
        message_id = command.pop("MessageID", None)
        if not isinstance(message_id, int) or not sop_class_uid:
            raise BadCommand("a request without Message ID or SOP Class UID")
        return Request(
            command_field,
            message_id,
            self._contexts[self._command_context],
            str(sop_class_uid),
            str(sop_instance_uid) if sop_instance_uid else None,
            command,
        )

    def _data_set_complete(self) -> None:
        if self._skipping_response is not None:
            self._skipping_response = None
            self._message_began_s = None
            return
        request, self._request = self._request, None
        sink, self._sink = self._sink, None
        refusal, self._refusal = self._refusal, None
        if self.dialogue is not None:
            self.dialogue.bytes_received += self._data_bytes
        assert request is not None
        if sink is not None:
            try:
                sink.complete()
            except Refused as failure:
                sink.discard()
                refusal = failure
            except Exception:
                log.exception("a service failed after a data set", extra={"association": self.id})
                sink.discard()
                refusal = Refused(0x0110, "internal error")
            request.data = sink
        if self._at_once is SHORT_BUFFER:
            self._take_more()
        if self._window != 0:
            self._hold_window()
        self._message_complete(request, refusal)

    def _message_complete(self, request: Request, refusal: Refused | None = None) -> None:
        self._message_began_s = None
        if self._answering:
            self._waiting = request, refusal
            return
        self._deadline_s = float("inf")
        if refusal is not None:
            self._respond(request, Response(refusal.status, None, None, refusal.comment, refusal.offending))
            return
        if request.command_field is CommandField.C_ECHO_RQ:
            # The one request whose answer needs nobody (PS3.7 §9.3.5).
            verification = request.sop_class_uid == request.context.abstract_syntax == VERIFICATION
            self._respond(request, Response(0x0000) if verification else NO_ECHO)
            return
        self._answering = True
        answer = begin(self._ask_service(request))
        if isinstance(answer, Done):
            self._answered(request, answer.result)
        else:
            self._task = self._loop.create_task(self._answer_later(request, answer))

    async def _answer_later(self, request: Request, answer: Coroutine[Any, None, Response]) -> None:
        response = await answer
        self._task = None
        self._answered(request, response)

    def _answered(self, request: Request, response: Response) -> None:
        self._answering = False
        if self.state is State.OPEN:
            self._respond(request, response)
            following, self._waiting = self._waiting, None
            if following is not None:
                self._message_complete(*following)
            self._flush()
            if self._releasing:
                self._release()
            else:
                self._resume()

    async def _ask_service(self, request: Request) -> Response:
        conversation = self._conversation
        if conversation is None:
            return Response(0x0110)
        try:
            return await conversation.answer(request)
        except Refused as refusal:
            return Response(refusal.status, None, None, refusal.comment, refusal.offending)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("a service failed", extra={"association": self.id, "request": request.command_field.name})
            return Response(0x0110, None, None, "internal error")

    def _respond(self, request: Request, response: Response) -> None:
        if self.state is not State.OPEN or self._transport is None:
            return
        command = encode_response(
            request.command_field, request.message_id, request.sop_class_uid, request.sop_instance_uid, response
        )
        self._send(request.context.context_id, command, response.data_set)
        if self.dialogue is not None:
            self.dialogue.message(
                time.time(),
                NAMES[request.command_field],
                request.sop_class_uid,
                response.status,
                response.comment,
                self._limits.dialogue_messages,
            )
        if not self._answering and self._message_began_s is None and not self._in_pdu:
            self._idle()

    def _send(self, context_id: int, command: bytes, data_set: bytes | None) -> None:
        assert self._transport is not None
        pdus = encode_data(context_id, 1, command, self.peer_maximum_length)
        if data_set is not None:
            pdus += encode_data(context_id, 0, data_set, self.peer_maximum_length)
        self._transport.write(b"".join(pdus))

    # -- our own requests ---------------------------------------------------------------------------------------

    @property
    def contexts(self) -> dict[int, AcceptedContext]:
        """The accepted presentation contexts by ID."""
        return self._contexts

    def accepted(self, abstract_syntax: str) -> AcceptedContext | None:
        """The first accepted context of this abstract syntax."""
        for context in self._contexts.values():
            if context.abstract_syntax == abstract_syntax:
                return context
        return None

    async def send_event_report(
        self,
        context: AcceptedContext,
        sop_class_uid: str,
        sop_instance_uid: str,
        event_type_id: int,
        data_set: bytes | None,
    ) -> int | None:
        """An N-EVENT-REPORT-RQ, and the status of its response: see `message.Association`."""
        if self.state is not State.OPEN:
            return None
        self._message_ids = self._message_ids % 0xFFFF + 1
        message_id = self._message_ids
        answered: asyncio.Future[int | None] = self._loop.create_future()
        self._events[message_id] = answered

        def send() -> None:
            if answered.done():
                return  # it waited for its turn longer than anybody waits for its response
            command = encode_event_report(
                message_id, sop_class_uid, sop_instance_uid, event_type_id, data_set=data_set is not None
            )
            self._send(context.context_id, command, data_set)

        if self._busy():
            self._outbox.append(send)
        else:
            send()
        status: int | None = None
        try:
            status = await asyncio.wait_for(answered, self._limits.event_s)
        except TimeoutError:
            pass
        finally:
            self._events.pop(message_id, None)
        if self.dialogue is not None:
            self.dialogue.message(
                time.time(), "N_EVENT_REPORT_RQ (ours)", sop_class_uid, status, "", self._limits.dialogue_messages
            )
        return status

    def _busy(self) -> bool:
        """Between a request and our response to it: peers take an event badly there."""
        return (
            self._answering
            or self._waiting is not None
            or self._request is not None
            or self._message_began_s is not None
        )

    def _flush(self) -> None:
        while self._outbox and not self._busy():
            self._outbox.pop(0)()

    def _response(self, command_field: int, command: dict[str, object], *, has_data: bool) -> None:
        """A response of the peer: to an event of ours, or to nothing, which is passed over."""
        if has_data:
            self._skipping_response = command_field
        else:
            self._message_began_s = None
        message_id = command.get("MessageIDBeingRespondedTo")
        future = self._events.get(message_id) if isinstance(message_id, int) else None
        if command_field == CommandField.N_EVENT_REPORT_RQ | RESPONSE_BIT and future is not None:
            if not future.done():
                status = command.get("Status", 0)
                future.set_result(status if isinstance(status, int) else 0)
        else:
            if self._idle_words == 0:
                log.info("a response to nothing that we asked", extra={"association": self.id})
            self._idle_word()

    # -- association control ------------------------------------------------------------------------------------

    def _whole_pdu(self, kind: int, body: bytearray) -> None:
        if kind == A_ASSOCIATE_RQ:
            self._associate(body)
        elif kind == A_RELEASE_RQ:
            self._releasing = True
            if not self._answering:
                self._release()
            else:
                self._deadline_s = float("inf")
        elif kind == A_ABORT:
            was_open, self.state = self.state is State.OPEN, State.CLOSING  # nothing behind it is heard
            if was_open:
                self._ended(Ending.ABORTED_BY_PEER)
            self._close_now()
        else:
            self._refuse_pdu("A-RELEASE-RP without a request", UNEXPECTED_PDU)

    def _associate(self, body: bytearray) -> None:
        request = decode_associate(body, self._limits)
        self.calling_ae_title = request.calling_ae_title
        self.called_ae_title = request.called_ae_title
        self.implementation_class_uid = request.implementation_class_uid
        self.implementation_version_name = request.implementation_version_name
        self.id = self.id or self._server.new_id()
        dialogue = self._server.dialogues.began(self.id, self.peer_address)
        dialogue.calling_ae_title = request.calling_ae_title
        dialogue.called_ae_title = request.called_ae_title
        dialogue.implementation_class_uid = request.implementation_class_uid
        dialogue.implementation_version_name = request.implementation_version_name
        self.dialogue = dialogue
        admission = self._server.admit(self, request)
        if admission.refusal is not None:
            self._reject(*admission.refusal, admission.words)
            return
        assert admission.entity is not None
        self.entity, self.peer = admission.entity, admission.caller.peer
        dialogue.peer = self.peer
        if self._server.take_elsewhere(self, admission.entity, body):
            self.state, self.dialogue = State.GONE, None
            self._close_now()
            return
        caller, door = admission.caller, self.entity.door
        results, roles = negotiate(
            request, self.entity.transfer_syntaxes, lambda one: caller.may(one) and door.is_open_to(caller.peer, one)
        )
        dialogue.proposed(request, results)
        self._contexts = {
            result.context_id: AcceptedContext(result.context_id, context.abstract_syntax, result.transfer_syntax)
            for context, result in zip(request.contexts, results, strict=True)
            if result.result == 0
        }
        self.peer_maximum_length = request.maximum_length
        try:
            self._own_idle_s = self.entity.idle_s(self)
            self._conversation = self.entity.open(self)
        except Exception:
            log.exception("a service could not be opened", extra={"association": self.id})
            self._reject(2, 3, 1, "internal error")
            return
        self._server.opened(self)
        self.state = State.OPEN
        identity = request.user_identity
        self._write(
            encode_accept(
                body,
                results,
                maximum_length=self._limits.pdu_bytes,
                implementation_class_uid=self._server.implementation_class_uid,
                implementation_version_name=self._server.implementation_version_name,
                roles=roles,
                asynchronous=request.asynchronous is not None,
                identity_response=identity is not None and identity.response_wanted and identity.kind in (1, 2),
            )
        )
        self._idle()
        log.info(
            "association accepted",
            extra={
                "association": self.id,
                "peer": self.peer_address,
                "calling": self.calling_ae_title,
                "called": self.called_ae_title,
                "contexts": f"{len(self._contexts)}/{len(results)}",
            },
        )

    def duplicate(self) -> socket.socket | None:
        """The connection as a socket of its own, for another process; None where only this one can go on with it."""
        if self._transport is None or self._transport.get_extra_info("ssl_object") is not None:
            return None
        sock = self._transport.get_extra_info("socket")
        return None if sock is None else socket.socket(fileno=os.dup(sock.fileno()))

    def take_over(self, association_id: str, associate: bytes) -> bool:
        """Go on where another process of ours has read the A-ASSOCIATE-RQ. False where the peer went on the way."""
        if not self.peer_address:
            self._close_now()
            return False
        self.id = association_id
        self._associate(bytearray(associate))
        return True

    def _reject(self, result: int, source: int, reason: int, words: str) -> None:
        log.warning(
            "association rejected",
            extra={
                "peer": self.peer_address,
                "calling": self.calling_ae_title,
                "called": self.called_ae_title,
                "reason": f"{result}/{source}/{reason} {words}",
            },
        )
        if self.dialogue is not None:
            self.dialogue.rejected = f"{result}/{source}/{reason} {words}"
            self._server.dialogues.ended(self.dialogue, "rejected")
            self.dialogue = None
        self._last_word(encode_reject(result, source, reason))

    def _release(self) -> None:
        if self.state is State.OPEN:
            self.state = State.CLOSING
            self._ended(Ending.RELEASED)
            self._last_word(RELEASE_RESPONSE)

    def _refuse_pdu(self, words: str, reason: int) -> None:
        log.warning("peer breaks the protocol: aborted", extra={"peer": self.peer_address, "reason": words})
        was_open = self.state is State.OPEN
        self.state = State.CLOSING
        if was_open:
            self._ended(Ending.ABORTED_BY_US)
        elif self.dialogue is not None:
            self.dialogue.rejected = words
            self._server.dialogues.ended(self.dialogue, Ending.ABORTED_BY_US.value)
            self.dialogue = None
        self._last_word(encode_abort(2, reason), wait=False)

    def abort(self) -> None:
        """A-ABORT, source 0."""
        if self.state is State.OPEN:
            self.state = State.CLOSING
            self._ended(Ending.ABORTED_BY_US)
            self._last_word(encode_abort(0, 0), wait=False)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _last_word(self, data: bytes, *, wait: bool = True) -> None:
        """Say it, and leave closing to the peer, for as long as ARTIM lets it; what it still sends is dropped.

        A socket that is closed with bytes unread resets the connection, and the peer may never see our last word.
        After an abort that does not matter, and nothing more is read from a peer that breaks the protocol.
        """
        self.state = State.CLOSING
        self._write(data)
        self._await(self._limits.handshake_s, "the closed connection")
        if self._transport is None:
            return
        if not wait:
            self._pause()
            self._transport.close()
        elif not self._transport.is_reading():
            self._transport.resume_reading()  # else the end of the connection would not be noticed

    # -- for the server ----------------------------------------------------------------------------------------

    @property
    def answering(self) -> bool:
        """Whether a request is being answered or is on its way in."""
        return self.state is State.OPEN and self._busy()
