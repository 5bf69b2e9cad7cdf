"""DIMSE messages as values: what a service is asked, and what it answers (PS3.7 §9, §10 and Annex E).

The association reads the wire and hands a `Request` to the `Conversation` that the called Application
Entity opened for it; whatever the conversation answers goes back as one `Response`. Services never see a PDU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Protocol


class CommandField(IntEnum):
    """Command Field (0000,0100), PS3.7 E.1. A response is its request with bit 15 set."""

    C_STORE_RQ = 0x0001
    C_GET_RQ = 0x0010
    C_FIND_RQ = 0x0020
    C_MOVE_RQ = 0x0021
    C_ECHO_RQ = 0x0030
    C_CANCEL_RQ = 0x0FFF
    N_EVENT_REPORT_RQ = 0x0100
    N_GET_RQ = 0x0110
    N_SET_RQ = 0x0120
    N_ACTION_RQ = 0x0130
    N_CREATE_RQ = 0x0140
    N_DELETE_RQ = 0x0150


@dataclass(frozen=True, slots=True)
class AcceptedContext:
    """One presentation context as negotiated (PS3.8 §9.3.3.2)."""

    context_id: int
    abstract_syntax: str
    transfer_syntax: str


class Ending(Enum):
    """How an association ended."""

    RELEASED = "released"
    ABORTED_BY_PEER = "aborted by peer"
    ABORTED_BY_US = "aborted by us"
    LOST = "connection lost"


class DataSetSink(Protocol):
    """Takes the encoded data set of one request, in fragments, as it arrives.

    `write` may raise `Refused`: the rest of the data set is then drained unseen, `discard` is called, and the
    refusal is the answer. After `complete` the sink belongs to the service; before it, `discard` ends it.
    """

    @property
    def size(self) -> int:
        """Bytes written so far."""

    def write(self, *fragments: memoryview) -> None:
        """Take what came, in its order; the memory is only valid during the call."""

    def complete(self) -> None:
        """The last fragment has come."""

    def discard(self) -> None:
        """Leave nothing behind: the association ended, or the request was refused. Safe to call twice."""


@dataclass(slots=True)
class Request:
    """One DIMSE request, its command set checked (PS3.7 §6.3.1); `data` is set as soon as it is complete."""

    command_field: CommandField
    message_id: int
    context: AcceptedContext
    sop_class_uid: str
    """Affected (C-*, N-CREATE, N-EVENT-REPORT) or Requested SOP Class UID."""
    sop_instance_uid: str | None
    """Affected or Requested SOP Instance UID; None where the peer leaves it to us (N-CREATE)."""
    elements: Mapping[str, object] = field(default_factory=dict)
    """The other command elements by keyword: ActionTypeID, AttributeIdentifierList, Priority …"""
    data: DataSetSink | None = None
    """The complete data set, or None where Command Data Set Type says there is none."""


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to one request. `data_set` is encoded in the transfer syntax of the request's context."""

    status: int
    sop_instance_uid: str | None = None
    """Affected SOP Instance UID where it is not the request's (N-CREATE: the one that we made)."""
    data_set: bytes | None = None
    comment: str = ""
    """Error Comment (0000,0902); cut to 64 characters of the default repertoire on the wire."""
    offending: tuple[int, ...] = ()
    """Offending Element (0000,0901) or Attribute Identifier List (0000,1005), as the status asks (PS3.7 Annex C)."""


class Refused(Exception):
    """A request refused with its own answer: the status, and words for the person who reads the peer's log."""

    def __init__(self, status: int, comment: str = "", offending: tuple[int, ...] = ()) -> None:
        super().__init__(f"{status:04X} {comment}")
        self.status = status
        self.comment = comment
        self.offending = offending


class Association(Protocol):
    """What a service may know of, and do with, the association that it serves."""

    id: str
    """Ours, unique in this process; stands in every log line and in the dialogue record."""
    calling_ae_title: str
    called_ae_title: str
    """As the peer called it: perhaps an alias. The service's own title is known to the service."""
    peer_address: str
    peer: str | None
    """Key in [peers] of the configuration, where title and address match one."""
    implementation_class_uid: str
    implementation_version_name: str

    @property
    def contexts(self) -> Mapping[int, AcceptedContext]:
        """The accepted presentation contexts by ID."""

    def accepted(self, abstract_syntax: str) -> AcceptedContext | None:
        """The first accepted context of this abstract syntax."""

    async def send_event_report(
        self,
        context: AcceptedContext,
        sop_class_uid: str,
        sop_instance_uid: str,
        event_type_id: int,
        data_set: bytes | None,
    ) -> int | None:
        """Send an N-EVENT-REPORT-RQ and wait for the status of its response, matched by message ID.

        Never goes out between a request of the peer and our response to it. Returns None when no response came
        in time or the association ended first; never raises for what the peer does, never aborts.
        """

    def abort(self) -> None:
        """A-ABORT, source 0."""


class Conversation(Protocol):
    """One association's view of an Application Entity: made when it is accepted, gone when it ends."""

    def sink(self, request: Request) -> DataSetSink:
        """Where the data set of this request shall go (`request.data` is None yet). May raise `Refused`."""

    async def answer(self, request: Request) -> Response:
        """Answer one request. `Refused` becomes its response; any other exception 0110 and a log line."""

    def closed(self, ending: Ending) -> None:
        """The association is over: implicit N-DELETE and the like. Called exactly once."""
